using System.Buffers.Binary;

namespace StableDiffusion;

/// <summary>Whether a file holds the picture that its header promises: ImageSharp paints what is missing grey, or black, and says nothing.</summary>
internal static class WholeFile
{
    private const string CutShort = "is cut short: the file ends within the picture; copy or save it again.";
    private const string BadHeader = "has a header that its format does not allow; save it again with a picture program.";

    /// <summary>What is wrong with the file: the rest of a sentence that begins with its name. Null where it looks whole.</summary>
    public static string? Complaint(ReadOnlySpan<byte> file, PictureKind kind) => kind switch
    {
        PictureKind.Jpeg => HasJpegEnd(file) ? null : CutShort,
        PictureKind.WebP => BinaryPrimitives.ReadUInt32LittleEndian(file[4..]) <= file.Length - 8 ? null : CutShort,
        PictureKind.Gif => GifFile.IsWhole(file) ? null : CutShort,
        PictureKind.Bmp => Bmp(file),
        PictureKind.Tiff => Tiff(file),
        _ => null,
    };

    /// <summary>Walks the segments (ITU-T T.81, annex B) to the end-of-image marker; one in a thumbnail inside a segment does not count.</summary>
    private static bool HasJpegEnd(ReadOnlySpan<byte> file)
    {
        const byte Start = 0xD8, End = 0xD9, Scan = 0xDA, FirstRestart = 0xD0;
        for (var at = 2; at + 1 < file.Length;)
        {
            var marker = file[at + 1];
            if (file[at] != 0xFF || marker is 0xFF or 0 or (>= FirstRestart and <= Start))
            {
                at++; // entropy-coded data, filling, restart markers
                continue;
            }

            if (marker == End)
            {
                return true;
            }

            if (at + 3 >= file.Length)
            {
                return false;
            }

            at += 2 + BinaryPrimitives.ReadUInt16BigEndian(file[(at + 2)..]);
            if (marker == Scan && at > file.Length)
            {
                return false;
            }
        }

        return false;
    }

    private static string? Bmp(ReadOnlySpan<byte> file)
    {
        const int Short = 12; // the header of OS/2
        if (file.Length < 26 || BinaryPrimitives.ReadInt32LittleEndian(file[14..]) is var header && header != Short && file.Length < 34)
        {
            return CutShort;
        }

        var isShort = header == Short;
        long width = isShort ? BinaryPrimitives.ReadUInt16LittleEndian(file[18..]) : BinaryPrimitives.ReadInt32LittleEndian(file[18..]);
        long height = isShort ? BinaryPrimitives.ReadUInt16LittleEndian(file[20..]) : Math.Abs((long)BinaryPrimitives.ReadInt32LittleEndian(file[22..]));
        long bits = BinaryPrimitives.ReadUInt16LittleEndian(file[(isShort ? 24 : 28)..]);
        if (width <= 0 || height <= 0 || bits is < 1 or > 32)
        {
            return BadHeader;
        }

        var isPacked = !isShort && BinaryPrimitives.ReadInt32LittleEndian(file[30..]) is not (0 or 3 or 6); // else rows as they are, with or without masks
        var row = ((width * bits) + 31) / 32 * 4;
        return isPacked || BinaryPrimitives.ReadUInt32LittleEndian(file[10..]) + (row * height) <= file.Length ? null : CutShort;
    }

    /// <summary>Looks whether all strips or tiles of the first directory lie in the file (TIFF 6.0, section 2).</summary>
    private static string? Tiff(ReadOnlySpan<byte> file)
    {
        const int BitsPerSample = 258, Compression = 259, StripOffsets = 273, StripLengths = 279, TileOffsets = 324, TileLengths = 325;
        if (file.Length < 8)
        {
            return CutShort;
        }

        var isBig = file[0] == 'M';
        var directory = Integer(file[4..], 4, isBig);
        if (directory < 8 || directory + 2 > file.Length)
        {
            return CutShort;
        }

        long[] offsets = [];
        long[] lengths = [];
        var hasBits = false;
        var count = (int)Integer(file[(int)directory..], 2, isBig);
        for (var i = 0; i < count; i++)
        {
            var at = (int)directory + 2 + (i * 12);
            if (at + 12 > file.Length)
            {
                return CutShort;
            }

            var tag = Integer(file[at..], 2, isBig);
            hasBits |= tag == BitsPerSample;
            if (tag == Compression && Integer(file[(at + 8)..], 2, isBig) is >= 2 and <= 4)
            {
                return "is a TIFF file with fax compression, which ImageSharp may read as its negative; save it again as PNG.";
            }

            if (tag is StripOffsets or TileOffsets or StripLengths or TileLengths)
            {
                if (Values(file, at, isBig) is not { } values)
                {
                    return CutShort;
                }

                (offsets, lengths) = tag is StripOffsets or TileOffsets ? (values, lengths) : (offsets, values);
            }
        }

        if (!hasBits)
        {
            return "is a TIFF file of black and white, which is not read; save it again as PNG.";
        }

        if (offsets.Length == 0 || offsets.Length != lengths.Length)
        {
            return BadHeader;
        }

        for (var i = 0; i < offsets.Length; i++)
        {
            if (offsets[i] + lengths[i] > file.Length)
            {
                return CutShort;
            }
        }

        return null;
    }

    /// <summary>The numbers of a directory's entry: SHORT or LONG, in the entry itself where they fit.</summary>
    private static long[]? Values(ReadOnlySpan<byte> file, int entry, bool isBig)
    {
        var size = Integer(file[(entry + 2)..], 2, isBig) == 3 ? 2 : 4;
        var count = Integer(file[(entry + 4)..], 4, isBig);
        var at = count * size <= 4 ? entry + 8 : Integer(file[(entry + 8)..], 4, isBig);
        if (at + (count * size) > file.Length)
        {
            return null;
        }

        var values = new long[count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = Integer(file[(int)(at + (i * size))..], size, isBig);
        }

        return values;
    }

    private static long Integer(ReadOnlySpan<byte> at, int size, bool isBig) => (size, isBig) switch
    {
        (2, true) => BinaryPrimitives.ReadUInt16BigEndian(at),
        (2, false) => BinaryPrimitives.ReadUInt16LittleEndian(at),
        (_, true) => BinaryPrimitives.ReadUInt32BigEndian(at),
        _ => BinaryPrimitives.ReadUInt32LittleEndian(at),
    };
}
