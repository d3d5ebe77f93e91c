using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Formats.Webp;
using SixLabors.ImageSharp.PixelFormats;

namespace StableDiffusion;

/// <summary>Writes pictures as PNG, JPEG or WebP, with the text of their making where AUTOMATIC1111's webui looks for it.</summary>
internal static class PictureWriter
{
    /// <summary>The quality of JPEG and WebP that is used where none is asked for.</summary>
    public const int DefaultQuality = 90;

    /// <summary>The longest text that fits into a JPEG, in UTF-16 units.</summary>
    public const int LongestJpegText = ExifComment.LongestInJpeg;

    /// <summary>The same picture, text and quality give the same bytes.</summary>
    /// <param name="stream">Where the file goes; left open.</param>
    /// <param name="image">The picture.</param>
    /// <param name="kind">PNG, JPEG or WebP.</param>
    /// <param name="parameters">How it was made: PNG's text <c>parameters</c>, EXIF's UserComment elsewhere; null writes none.</param>
    /// <param name="quality">1 to 100, for JPEG and WebP.</param>
    /// <exception cref="RequestException">The format holds no picture of this size, or no text of this length.</exception>
    public static void Write(Stream stream, RgbImage image, PictureKind kind, string? parameters = null, int quality = DefaultQuality)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfLessThan(quality, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(quality, 100);
        switch (kind)
        {
            case PictureKind.Png:
                PngWriter.Write(stream, image, parameters is null ? null : [new(GenerationParameters.Keyword, parameters)]);
                break;
            case PictureKind.Jpeg:
                RequireSize(image, "JPEG", 65535);
                var jpeg = Encode(image, new JpegEncoder { Quality = quality });
                stream.Write(parameters is null ? jpeg : ExifComment.IntoJpeg(jpeg, parameters));
                break;
            case PictureKind.WebP:
                RequireSize(image, "WebP", 16383);
                var webp = Encode(image, new WebpEncoder { FileFormat = WebpFileFormatType.Lossy, Quality = quality });
                stream.Write(parameters is null ? webp : ExifComment.IntoWebP(webp, parameters, image.Width, image.Height));
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(kind), kind, "Only PNG, JPEG and WebP are written.");
        }
    }

    private static byte[] Encode(RgbImage image, IImageEncoder encoder)
    {
        using var picture = Image.LoadPixelData<Rgb24>(image.Pixels.Span, image.Width, image.Height);
        using var file = new MemoryStream();
        picture.Save(file, encoder);
        return file.ToArray();
    }

    private static void RequireSize(RgbImage image, string format, int most)
    {
        if (image.Width > most || image.Height > most)
        {
            throw new RequestException($"{format} holds at most {most} pixels a side, and the picture has {image.Width}x{image.Height}; write a PNG.");
        }
    }
}
