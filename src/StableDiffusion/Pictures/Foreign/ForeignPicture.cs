using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Formats.Bmp;
using SixLabors.ImageSharp.Formats.Gif;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Formats.Tiff;
using SixLabors.ImageSharp.Formats.Webp;
using SixLabors.ImageSharp.Memory;
using SixLabors.ImageSharp.Metadata;
using SixLabors.ImageSharp.Metadata.Profiles.Exif;
using SixLabors.ImageSharp.PixelFormats;

namespace StableDiffusion;

/// <summary>
/// Reads what is no PNG with ImageSharp, which takes cut-off files for whole and trusts a header's size: both are looked at first.
/// </summary>
internal static class ForeignPicture
{
    /// <summary>
    /// The most bytes that a picture may take when it is unpacked: 50 million pixels; 25 million of WebP, whose decoder holds four bytes a
    /// pixel beside them; 18 million of 16-bit samples, which are held as they are in the file, unpacked, and as the picture's own bytes.
    /// </summary>
    private const long MaxBytes = 150_000_000;

    // Per pixel: an unpacked picture, a decoder's planes or coefficients; on top of that, tables and buffers of a row.
    private const int DecoderBytesPerPixel = 8;
    private const int DecoderMegabytes = 16;

    // ImageSharp asks for this array by reflection when it reads EXIF data; a native compiler has it ready only if it sees that it is needed.
    static ForeignPicture() => GC.KeepAlive(Enum.GetValues<ExifDataType>());

    /// <summary>Reads a file's bytes; <paramref name="name"/> is what messages call it.</summary>
    public static RgbImage Read(byte[] file, PictureKind kind, string name)
    {
        if (WholeFile.Complaint(file, kind) is { } complaint)
        {
            throw Wrong(name, complaint);
        }

        try
        {
            using var header = new MemoryStream(file, writable: false);
            var info = Image.Identify(Settings(DecoderMegabytes), header) ?? throw new InvalidImageContentException("there is no picture in it");
            var isDeep = kind == PictureKind.Tiff && info.PixelType.BitsPerPixel is 8 or 16 or 48 or 64; // 8: colour maps have 16 bits
            CheckSize(info, file, kind, isDeep, name);

            var pixels = (long)info.Width * info.Height;
            var settings = Settings((int)(pixels * DecoderBytesPerPixel >> 20) + DecoderMegabytes);
            var planes = kind == PictureKind.Jpeg ? JpegChroma.Of(file) : null;
            using var content = new MemoryStream(planes?.File ?? (kind == PictureKind.Gif ? GifFile.Opaque(file) : file), writable: false);
            return isDeep
                ? Decode<Rgb48>(content, kind, settings, planes, static (from, to) => (to[0], to[1], to[2]) = ((byte)(from.R >> 8), (byte)(from.G >> 8), (byte)(from.B >> 8)))
                : Decode<Rgb24>(content, kind, settings, planes, static (from, to) => (to[0], to[1], to[2]) = (from.R, from.G, from.B));
        }
        catch (NotSupportedException error)
        {
            throw new RequestException(
                $"{OneLine.Quote(name)} is a {PictureFormats.NameOf(kind)} file of a kind that is not read ({OneLine.Of(error.Message).TrimEnd('.')}); save it again as PNG.", error);
        }
        catch (Exception error) when (error is not RequestException)
        {
            // Damaged files leave the decoders by every kind of exception, NullReferenceException and InvalidMemoryOperationException among them.
            throw new RequestException($"{OneLine.Quote(name)} is damaged: its {PictureFormats.NameOf(kind)} data cannot be decoded; copy or save it again.", error);
        }
    }

    /// <summary>The least and the greatest opacity of a picture that has been read already.</summary>
    public static (byte Least, byte Most) Alpha(byte[] file, PictureKind kind)
    {
        if (kind == PictureKind.Jpeg)
        {
            return (255, 255);
        }

        using var content = new MemoryStream(file, writable: false);
        var info = Image.Identify(Settings(DecoderMegabytes), content);
        content.Position = 0;
        using var picture = Image.Load<Rgba32>(Settings((int)((long)info.Width * info.Height * DecoderBytesPerPixel >> 20) + DecoderMegabytes), content, Decoder(kind));
        var (least, most) = ((byte)255, (byte)0);
        picture.ProcessPixelRows(rows =>
        {
            for (var y = 0; y < rows.Height; y++)
            {
                foreach (ref readonly var pixel in rows.GetRowSpan(y))
                {
                    (least, most) = (Math.Min(least, pixel.A), Math.Max(most, pixel.A));
                }
            }
        });
        return (least, most);
    }

    private static RgbImage Decode<TPixel>(Stream content, PictureKind kind, Configuration settings, JpegChroma.Layout? planes, SpanAction<TPixel> convert)
        where TPixel : unmanaged, IPixel<TPixel>
    {
        var (rgb, width, height, orientation) = Unpack(content, kind, settings, convert);
        if (planes is not null)
        {
            JpegChroma.Convert(rgb, width, planes);
        }

        return ExifOrientation.Upright(RgbImage.Adopt(width, height, rgb), orientation);
    }

    private static (byte[] Rgb, int Width, int Height, int Orientation) Unpack<TPixel>(
        Stream content, PictureKind kind, Configuration settings, SpanAction<TPixel> convert)
        where TPixel : unmanaged, IPixel<TPixel>
    {
        using var picture = Image.Load<TPixel>(settings, content, Decoder(kind));
        var rgb = new byte[picture.Width * picture.Height * 3];
        picture.ProcessPixelRows(rows =>
        {
            for (int y = 0, to = 0; y < rows.Height; y++)
            {
                foreach (ref readonly var pixel in rows.GetRowSpan(y))
                {
                    convert(pixel, rgb.AsSpan(to, 3));
                    to += 3;
                }
            }
        });
        var exif = picture.Metadata.ExifProfile ?? picture.Frames.RootFrame.Metadata.ExifProfile;
        return (rgb, picture.Width, picture.Height, exif?.GetValue(ExifTag.Orientation)?.Value ?? 1);
    }

    private delegate void SpanAction<TPixel>(TPixel from, Span<byte> to);

    private static void CheckSize(IImageInfo info, byte[] file, PictureKind kind, bool isDeep, string name)
    {
        var pixels = (long)info.Width * info.Height;
        var most = MaxBytes / (isDeep ? 8 : kind == PictureKind.WebP ? 6 : 3);
        if (pixels > most)
        {
            throw Wrong(name, $"has {info.Width}x{info.Height} pixels, and at most {most / 1_000_000} million are read; make it smaller.");
        }

        // A JPEG spends a bit at least on each block of 8x8 of its first component, a GIF 9 bits on at most 4096 pixels: less needs no memory.
        var mostHeld = kind switch
        {
            PictureKind.Jpeg => 64L * 8 * file.Length,
            PictureKind.Gif => 4096L * file.Length,
            _ => long.MaxValue,
        };
        if (pixels > mostHeld)
        {
            throw Wrong(name, "holds too little data for its size; copy or save it again.");
        }
    }

    private static Configuration Settings(int megabytes) => new(
        new JpegConfigurationModule(), new WebpConfigurationModule(), new BmpConfigurationModule(), new GifConfigurationModule(), new TiffConfigurationModule())
    {
        MemoryAllocator = MemoryAllocator.Create(new MemoryAllocatorOptions { AllocationLimitMegabytes = megabytes, MaximumPoolSizeMegabytes = 0 }),
        MaxDegreeOfParallelism = 1,
    };

    private static IImageDecoder Decoder(PictureKind kind) => kind switch
    {
        PictureKind.Jpeg => new JpegDecoder(),
        PictureKind.WebP => new WebpDecoder(),
        PictureKind.Bmp => new BmpDecoder(),
        PictureKind.Gif => new GifDecoder { DecodingMode = FrameDecodingMode.First, IgnoreMetadata = true },
        PictureKind.Tiff => new TiffDecoder { DecodingMode = FrameDecodingMode.First },
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "No decoder."),
    };

    private static RequestException Wrong(string name, string what) => new($"{OneLine.Quote(name)} {what}");
}
