namespace StableDiffusion;

/// <summary>The blocks of a GIF (GIF89a specification) up to the end of its first picture.</summary>
internal static class GifFile
{
    private const int Header = 13;
    private const byte Extension = 0x21, GraphicControl = 0xF9, ImageDescriptor = 0x2C;

    /// <summary>Whether the first picture is there to its end.</summary>
    public static bool IsWhole(ReadOnlySpan<byte> file) => Walk(file, out _) >= 0;

    /// <summary>The file without the mark that makes a colour transparent, so that what is under it comes out, as Pillow's <c>convert("RGB")</c> gives it.</summary>
    public static byte[] Opaque(byte[] file)
    {
        if (Walk(file, out var control) < 0 || control == 0)
        {
            return file;
        }

        var opaque = file.ToArray();
        opaque[control] &= 0xFE;
        return opaque;
    }

    /// <summary>Where the first picture ends, -1 where it does not.</summary>
    /// <param name="file">The file.</param>
    /// <param name="control">Where the flags of the picture's graphic control extension are; 0 where it has none.</param>
    private static int Walk(ReadOnlySpan<byte> file, out int control)
    {
        control = 0;
        if (file.Length < Header)
        {
            return -1;
        }

        var at = Header + ColourTable(file[10]);
        while (at + 1 < file.Length)
        {
            switch (file[at])
            {
                case Extension:
                    control = file[at + 1] == GraphicControl ? at + 3 : control;
                    at = SkipBlocks(file, at + 2);
                    break;
                case ImageDescriptor when at + 10 < file.Length:
                    // Descriptor, colour table, the size of a code, data.
                    return SkipBlocks(file, at + 10 + ColourTable(file[at + 9]) + 1) is var end && end <= file.Length ? end : -1;
                default:
                    return -1;
            }
        }

        return -1;
    }

    private static int ColourTable(byte flags) => (flags & 0x80) == 0 ? 0 : 3 * (2 << (flags & 7));

    /// <summary>Where the blocks that start here end; beyond the file where they do not.</summary>
    private static int SkipBlocks(ReadOnlySpan<byte> file, int at)
    {
        while (at < file.Length && file[at] != 0)
        {
            at += file[at] + 1;
        }

        return at + 1;
    }
}
