namespace StableDiffusion;

/// <summary>Reads pictures of every format known, told by their content and not by their name, as Pillow's <c>convert("RGB")</c> gives them.</summary>
internal static class PictureReader
{
    /// <summary>
    /// Reads a picture: its first frame, turned upright as its EXIF data says, without its transparency; 16-bit samples keep their high byte.
    /// </summary>
    /// <exception cref="RequestException">The file is missing, unreadable, of no known format, broken, cut short or too large.</exception>
    public static RgbImage Read(string path) => Read(InputFile.ReadAllBytes(path, "picture", PngReader.LargestFile), path);

    /// <summary>Reads a picture that a run starts from, and says where transparency is lost.</summary>
    internal static RgbImage ReadInit(string path, List<string> notes)
    {
        var (image, alpha) = ReadWithAlpha(path);
        if (alpha.Least < 255)
        {
            notes.Add($"{OneLine.Quote(path)} is transparent in places, where the colours that lie beneath are used, often black; lay it on a background first.");
        }

        return image;
    }

    /// <summary>Reads a mask; one whose shape is in its transparency alone is refused.</summary>
    internal static RgbImage ReadMask(string path)
    {
        var (image, alpha) = ReadWithAlpha(path);
        var pixels = image.Pixels.Span;
        return alpha.Least < alpha.Most && pixels[3..].SequenceEqual(pixels[..^3])
            ? throw new RequestException($"{OneLine.Quote(path)} holds its shape in the alpha channel, and is of one colour; save the mask in black (kept) and white (painted anew).")
            : image;
    }

    private static (RgbImage Image, (byte Least, byte Most) Alpha) ReadWithAlpha(string path)
    {
        var file = InputFile.ReadAllBytes(path, "picture", PngReader.LargestFile);
        if (PictureFormats.OfContent(file) is PictureKind.Png)
        {
            var picture = PngReader.Read(file, path);
            return (picture.Image, picture.Alpha);
        }

        var image = Read(file, path);
        return (image, PictureFormats.OfContent(file) is { } kind ? ForeignPicture.Alpha(file, kind) : ((byte)255, (byte)255));
    }

    /// <summary>Reads a file's bytes; <paramref name="name"/> is what messages call it.</summary>
    internal static RgbImage Read(byte[] file, string name) => PictureFormats.OfContent(file) switch
    {
        PictureKind.Png => PngReader.Read(file, name).Image,
        { } kind => ForeignPicture.Read(file, kind, name),
        null => throw new RequestException($"{OneLine.Quote(name)} {PictureFormats.Describe(file)}"),
    };
}
