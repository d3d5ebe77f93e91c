using System.Buffers.Binary;

namespace StableDiffusion;

/// <summary>EXIF's tag Orientation: how a camera was held.</summary>
internal static class ExifOrientation
{
    private const int Tag = 0x0112;
    private const int EntryBytes = 12;

    /// <summary>The orientation that EXIF data, a TIFF header and its first directory, states; 1, upright, where it states none or is broken.</summary>
    public static int Of(ReadOnlySpan<byte> exif)
    {
        if (exif.Length < 8 || exif[0] != exif[1] || exif[0] is not ((byte)'I' or (byte)'M'))
        {
            return 1;
        }

        var isLittle = exif[0] == 'I';
        ushort Short(ReadOnlySpan<byte> at) => isLittle ? BinaryPrimitives.ReadUInt16LittleEndian(at) : BinaryPrimitives.ReadUInt16BigEndian(at);
        var directory = isLittle ? BinaryPrimitives.ReadUInt32LittleEndian(exif[4..]) : BinaryPrimitives.ReadUInt32BigEndian(exif[4..]);
        if (directory > exif.Length - 2)
        {
            return 1;
        }

        var entries = exif[((int)directory + 2)..];
        var count = Math.Min(Short(exif[(int)directory..]), entries.Length / EntryBytes);
        for (var i = 0; i < count; i++)
        {
            var entry = entries.Slice(i * EntryBytes, EntryBytes);
            if (Short(entry) == Tag)
            {
                return Short(entry[8..]);
            }
        }

        return 1;
    }

    /// <summary>The picture turned and mirrored so that it stands upright.</summary>
    /// <param name="image">As it is stored.</param>
    /// <param name="orientation">1 to 8 (EXIF 2.32, section 4.6.4); other values leave it as it is.</param>
    public static RgbImage Upright(RgbImage image, int orientation)
    {
        if (orientation is < 2 or > 8)
        {
            return image;
        }

        var (right, bottom) = (image.Width - 1, image.Height - 1);
        var isOnItsSide = orientation >= 5;
        var (width, height) = isOnItsSide ? (image.Height, image.Width) : (image.Width, image.Height);
        var stored = image.Pixels.Span;
        var upright = new byte[stored.Length];
        for (int y = 0, to = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++, to += 3)
            {
                var (fromX, fromY) = orientation switch
                {
                    2 => (right - x, y),
                    3 => (right - x, bottom - y),
                    4 => (x, bottom - y),
                    5 => (y, x),
                    6 => (y, bottom - x),
                    7 => (right - y, bottom - x),
                    _ => (right - y, x),
                };
                stored.Slice(((fromY * image.Width) + fromX) * 3, 3).CopyTo(upright.AsSpan(to));
            }
        }

        return RgbImage.Adopt(width, height, upright);
    }
}
