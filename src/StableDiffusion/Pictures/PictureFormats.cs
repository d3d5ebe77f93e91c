namespace StableDiffusion;

/// <summary>Tells picture formats by a file's first bytes, or by a name's ending.</summary>
internal static class PictureFormats
{
    /// <summary>What is written, for messages.</summary>
    public const string Written = ".png, .jpg or .webp";

    /// <summary>The format that a picture of this name is written in; null where the ending is none of <c>.png</c>, <c>.jpg</c>, <c>.jpeg</c> and <c>.webp</c>.</summary>
    public static PictureKind? OfName(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".png" => PictureKind.Png,
        ".jpg" or ".jpeg" => PictureKind.Jpeg,
        ".webp" => PictureKind.WebP,
        _ => null,
    };

    /// <summary>Whether a file of this name is looked at where a folder of pictures is asked for.</summary>
    public static bool IsRead(string path) =>
        OfName(path) is not null || Path.GetExtension(path).ToLowerInvariant() is ".bmp" or ".gif" or ".tif" or ".tiff";

    /// <summary>The format as it is called in a sentence.</summary>
    internal static string NameOf(PictureKind kind) => kind == PictureKind.WebP ? "WebP" : kind.ToString().ToUpperInvariant();

    /// <summary>The format of a file; null for one that is not read.</summary>
    internal static PictureKind? OfContent(ReadOnlySpan<byte> file) =>
        file.StartsWith(PngFormat.Signature) ? PictureKind.Png
        : file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]) ? PictureKind.Jpeg
        : file.StartsWith("RIFF"u8) && file.Length >= 12 && file[8..12].SequenceEqual("WEBP"u8) ? PictureKind.WebP
        : file.StartsWith("GIF8"u8) ? PictureKind.Gif
        : file.StartsWith("BM"u8) ? PictureKind.Bmp
        : file.StartsWith("II*\0"u8) || file.StartsWith("MM\0*"u8) ? PictureKind.Tiff
        : null;

    /// <summary>Why a file is not read: the rest of a sentence that begins with its name.</summary>
    internal static string Describe(ReadOnlySpan<byte> file)
    {
        const string Known = "PNG, JPEG, WebP, BMP, GIF or TIFF";
        if (file.IsEmpty)
        {
            return $"is empty; give a {Known} file.";
        }

        if (OtherName(file) is { } format)
        {
            return $"is in {format} format, which is not read; convert it with a picture program, for example: magick FILE picture.png";
        }

        var start = Convert.ToHexString(file[..Math.Min(4, file.Length)]);
        return $"is no picture that is known: it starts with the bytes {start}; give a {Known} file.";
    }

    private static string? OtherName(ReadOnlySpan<byte> file)
    {
        if (file.Length >= 12 && file[4..8].SequenceEqual("ftyp"u8))
        {
            return file[8..11].SequenceEqual("avi"u8) ? "AVIF" : "HEIC";
        }

        if (file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0x0A]) || file.StartsWith((ReadOnlySpan<byte>)[0, 0, 0, 12, (byte)'J', (byte)'X', (byte)'L', (byte)' ']))
        {
            return "JPEG XL";
        }

        return file.StartsWith("%PDF"u8) ? "PDF"
            : file.StartsWith("<svg"u8) || file.StartsWith("<?xml"u8) ? "SVG or XML"
            : file.StartsWith("8BPS"u8) ? "Photoshop"
            : file.StartsWith("#?RADIANCE"u8) ? "Radiance"
            : null;
    }
}
