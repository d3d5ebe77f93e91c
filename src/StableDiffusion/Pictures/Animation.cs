using System.Buffers.Binary;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Gif;
using SixLabors.ImageSharp.Formats.Webp;
using SixLabors.ImageSharp.PixelFormats;

namespace StableDiffusion;

/// <summary>Pictures of one size that follow each other for ever: an animated WebP, or a GIF with colours of its own for each picture.</summary>
internal static class Animation
{
    private const string WebPEnding = ".webp";
    private const string GifEnding = ".gif";

    /// <summary>Whether the name asks for a format that can move.</summary>
    public static bool IsNamed(string path) => Path.GetExtension(path).ToLowerInvariant() is WebPEnding or GifEnding;

    /// <summary>Writes an animation.</summary>
    /// <param name="stream">Where the file goes; left open.</param>
    /// <param name="frames">The pictures, all of the first one's size, each with the time for which it is shown.</param>
    /// <param name="path">The file's name; its ending, <c>.webp</c> or <c>.gif</c>, decides the format.</param>
    /// <param name="quality">1 to 100, for WebP.</param>
    public static void Write(Stream stream, IReadOnlyList<(RgbImage Picture, TimeSpan Time)> frames, string path, int quality = PictureWriter.DefaultQuality)
    {
        if (Path.GetExtension(path).Equals(GifEnding, StringComparison.OrdinalIgnoreCase))
        {
            WriteGif(stream, frames);
        }
        else
        {
            WriteWebP(stream, frames, quality);
        }
    }

    private static void WriteGif(Stream stream, IReadOnlyList<(RgbImage Picture, TimeSpan Time)> frames)
    {
        using var animation = Load(frames[0].Picture);
        Describe(animation.Frames.RootFrame, frames[0].Time);
        foreach (var (picture, time) in frames.Skip(1))
        {
            using var frame = Load(picture);
            Describe(animation.Frames.AddFrame(frame.Frames.RootFrame), time);
        }

        animation.Metadata.GetGifMetadata().RepeatCount = 0;
        animation.Save(stream, new GifEncoder { ColorTableMode = GifColorTableMode.Local });

        static void Describe(ImageFrame frame, TimeSpan time) => frame.Metadata.GetGifMetadata().FrameDelay = (int)(time.TotalMilliseconds / 10);
    }

    /// <summary>The extended form with a chunk for each picture (RFC 9649, section 2.7.1.1), which ImageSharp does not write.</summary>
    private static void WriteWebP(Stream stream, IReadOnlyList<(RgbImage Picture, TimeSpan Time)> frames, int quality)
    {
        const byte HasAnimation = 0x02, DoNotBlend = 0x02;
        var (width, height) = (frames[0].Picture.Width, frames[0].Picture.Height);
        using var file = new MemoryStream();
        file.Write("RIFF\0\0\0\0WEBP"u8);

        var header = new byte[10];
        header[0] = HasAnimation;
        WriteSize(header.AsSpan(4), width, height);
        RiffChunk.Write(file, "VP8X"u8, header);
        RiffChunk.Write(file, "ANIM"u8, [255, 255, 255, 255, 0, 0]); // a white ground, repeated for ever
        foreach (var (picture, time) in frames)
        {
            var frame = new byte[16]; // the first six: at the left, at the top
            WriteSize(frame.AsSpan(6), width, height);
            RiffChunk.Write24(frame.AsSpan(12), (int)time.TotalMilliseconds);
            frame[15] = DoNotBlend;
            RiffChunk.Write(file, "ANMF"u8, [.. frame, .. Still(picture, quality)]);
        }

        var bytes = file.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), bytes.Length - 8);
        stream.Write(bytes);
    }

    /// <summary>The chunk of a picture that stands still.</summary>
    private static byte[] Still(RgbImage picture, int quality)
    {
        const int FileHeader = 12;
        using var image = Load(picture);
        using var still = new MemoryStream();
        image.Save(still, new WebpEncoder { FileFormat = WebpFileFormatType.Lossy, Quality = quality });
        return still.ToArray()[FileHeader..];
    }

    private static Image<Rgb24> Load(RgbImage picture) => Image.LoadPixelData<Rgb24>(picture.Pixels.Span, picture.Width, picture.Height);

    private static void WriteSize(Span<byte> to, int width, int height)
    {
        RiffChunk.Write24(to, width - 1);
        RiffChunk.Write24(to[3..], height - 1);
    }
}
