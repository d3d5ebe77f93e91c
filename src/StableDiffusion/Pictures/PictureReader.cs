namespace StableDiffusion;

/// <summary>Reads pictures of every format known, told by their content and not by their name, as Pillow's <c>convert("RGB")</c> gives them.</summary>
internal static class PictureReader
{
    /// <summary>
    /// Reads a picture: its first frame, turned upright as its EXIF data says, without its transparency; 16-bit samples keep their high byte.
    /// </summary>
    /// <exception cref="RequestException">The file is missing, unreadable, of no known format, broken, cut short or too large.</exception>
    public static RgbImage Read(string path) => Read(InputFile.ReadAllBytes(path, "picture", PngReader.LargestFile), path);

    /// <summary>Reads a file's bytes; <paramref name="name"/> is what messages call it.</summary>
    internal static RgbImage Read(byte[] file, string name) => PictureFormats.OfContent(file) switch
    {
        PictureKind.Png => PngReader.Read(file, name).Image,
        { } kind => ForeignPicture.Read(file, kind, name),
        null => throw new RequestException($"{OneLine.Quote(name)} {PictureFormats.Describe(file)}"),
    };
}
