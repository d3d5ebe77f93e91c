namespace StableDiffusion;

/// <summary>Tells what a file that is no PNG is, by its first bytes.</summary>
internal static class PictureFormats
{
    /// <summary>The rest of a sentence that begins with the file's name.</summary>
    public static string Describe(ReadOnlySpan<byte> file)
    {
        if (file.IsEmpty)
        {
            return "is empty; give a PNG file.";
        }

        if (Name(file) is { } format)
        {
            return $"is in {format} format, and only PNG is read; convert it with a picture program, for example: magick FILE picture.png";
        }

        var start = Convert.ToHexString(file[..Math.Min(4, file.Length)]);
        return $"is not a PNG: it starts with the bytes {start} instead of 89504E47; give a PNG file.";
    }

    private static string? Name(ReadOnlySpan<byte> file)
    {
        if (file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]))
        {
            return "JPEG";
        }

        if (file.StartsWith("RIFF"u8) && file.Length >= 12 && file[8..12].SequenceEqual("WEBP"u8))
        {
            return "WebP";
        }

        if (file.Length >= 12 && file[4..8].SequenceEqual("ftyp"u8))
        {
            return file[8..11].SequenceEqual("avi"u8) ? "AVIF" : "HEIC";
        }

        if (file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0x0A]) || file.StartsWith((ReadOnlySpan<byte>)[0, 0, 0, 12, (byte)'J', (byte)'X', (byte)'L', (byte)' ']))
        {
            return "JPEG XL";
        }

        return file.StartsWith("GIF8"u8) ? "GIF"
            : file.StartsWith("BM"u8) ? "BMP"
            : file.StartsWith("II*\0"u8) || file.StartsWith("MM\0*"u8) ? "TIFF"
            : null;
    }
}
