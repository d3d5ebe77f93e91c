using System.Buffers.Binary;

namespace StableDiffusion;

/// <summary>
/// Colour of JPEGs as libjpeg-turbo, and so Pillow, makes it: halved colour planes are enlarged by a triangle filter (jdsample.c), where
/// ImageSharp repeats values, which leaves differences of 30 levels along edges. ImageSharp is told that the file holds red, green and
/// blue, gives the planes as they are, and the rest is done here.
/// </summary>
internal static class JpegChroma
{
    private const byte Start = 0xD8, Scan = 0xDA, App0 = 0xE0, App14 = 0xEE;

    /// <summary>How a file stores brightness and colour.</summary>
    /// <param name="File">The file, made to say that its planes are red, green and blue.</param>
    /// <param name="HalvesWidth">Whether the colour planes have half the width.</param>
    /// <param name="HalvesHeight">Whether the colour planes have half the height.</param>
    public sealed record Layout(byte[] File, bool HalvesWidth, bool HalvesHeight);

    /// <summary>The layout of a file in the usual one of YCbCr; null for gray, CMYK, RGB and rare samplings, which ImageSharp turns into RGB itself.</summary>
    public static Layout? Of(ReadOnlySpan<byte> file)
    {
        // A frame of three components, Y sampled once or twice as densely as both others: 0x11, 0x21 or 0x22.
        if (Frame(file) is not { } frame || frame.Length < 15 || frame[5] != 3 || frame[10] != 0x11 || frame[13] != 0x11 || frame[7] is not (0x11 or 0x21 or 0x22))
        {
            return null;
        }

        var isRgb = frame[6] == 'R' && frame[9] == 'G' && frame[12] == 'B';
        var (kept, transform) = WithoutAdobe(file);
        if (transform is 0 || (transform is null && isRgb && !HasJfif(file)))
        {
            return null;
        }

        byte[] adobe = [0xFF, App14, 0, 14, .. "Adobe"u8, 0, 100, 0, 0, 0, 0, 0]; // the last: no transform
        return new Layout([0xFF, Start, .. adobe, .. kept[2..]], frame[7] != 0x11, frame[7] == 0x22);
    }

    /// <summary>Turns the planes Y, Cb and Cr, which came as red, green and blue, into colours.</summary>
    /// <param name="pixels">[height, width, 3], changed in place.</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="layout">Of the file.</param>
    public static void Convert(Span<byte> pixels, int width, Layout layout)
    {
        var height = pixels.Length / 3 / width;
        var smallWidth = layout.HalvesWidth ? (width + 1) / 2 : width;
        var smallHeight = layout.HalvesHeight ? (height + 1) / 2 : height;
        var planes = new byte[2][];
        for (var plane = 0; plane < 2; plane++)
        {
            planes[plane] = Small(pixels, width, plane + 1, smallWidth, smallHeight, layout);
        }

        var sums = new int[smallWidth];
        var (blue, red) = (new byte[width + 1], new byte[width + 1]);
        for (var y = 0; y < height; y++)
        {
            Enlarge(planes[0], y, smallHeight, sums, blue, layout);
            Enlarge(planes[1], y, smallHeight, sums, red, layout);
            var row = pixels.Slice(y * width * 3, width * 3);
            for (var x = 0; x < width; x++)
            {
                ToRgb(row.Slice(x * 3, 3), blue[x] - 128, red[x] - 128);
            }
        }
    }

    /// <summary>One row of a colour plane at full width: jdsample.c's fullsize, h2v1_fancy and h2v2_fancy.</summary>
    private static void Enlarge(byte[] plane, int y, int height, int[] sums, byte[] row, Layout layout)
    {
        var width = sums.Length;
        var near = plane.AsSpan((layout.HalvesHeight ? y / 2 : y) * width, width);
        if (!layout.HalvesWidth)
        {
            near.CopyTo(row);
            return;
        }

        if (width <= 2)
        {
            // libjpeg has no filter for so little.
            for (var x = 0; x < row.Length; x++)
            {
                row[x] = near[Math.Min(x / 2, width - 1)];
            }

            return;
        }

        // Three parts of the nearer row and one of the farther, then the same across.
        var other = Math.Clamp((y / 2) + (y % 2 == 0 ? -1 : 1), 0, height - 1);
        var far = plane.AsSpan(layout.HalvesHeight ? other * width : 0, width);
        for (var x = 0; x < width; x++)
        {
            sums[x] = layout.HalvesHeight ? (3 * near[x]) + far[x] : near[x];
        }

        var (shift, roundLeft, roundRight) = layout.HalvesHeight ? (4, 8, 7) : (2, 1, 2);
        for (var x = 0; x < width; x++)
        {
            var left = x == 0 ? sums[x] : sums[x - 1];
            var right = x == width - 1 ? sums[x] : sums[x + 1];
            Set(row, 2 * x, ((3 * sums[x]) + left + roundLeft) >> shift);
            Set(row, (2 * x) + 1, ((3 * sums[x]) + right + roundRight) >> shift);
        }
    }

    private static void Set(byte[] row, int x, int value)
    {
        if (x < row.Length)
        {
            row[x] = (byte)value;
        }
    }

    /// <summary>A colour plane in the size in which the file has it.</summary>
    private static byte[] Small(ReadOnlySpan<byte> pixels, int width, int channel, int smallWidth, int smallHeight, Layout layout)
    {
        var (stepX, stepY) = (layout.HalvesWidth ? 2 : 1, layout.HalvesHeight ? 2 : 1);
        var plane = new byte[smallWidth * smallHeight];
        for (int y = 0, to = 0; y < smallHeight; y++)
        {
            for (var x = 0; x < smallWidth; x++, to++)
            {
                plane[to] = pixels[((((y * stepY) * width) + (x * stepX)) * 3) + channel];
            }
        }

        return plane;
    }

    /// <summary>jdcolor.c, in fixed point of 16 bits.</summary>
    private static void ToRgb(Span<byte> pixel, int blue, int red)
    {
        const int Half = 1 << 15;
        int y = pixel[0];
        pixel[0] = Clamp(y + (((91881 * red) + Half) >> 16)); // 1.40200
        pixel[1] = Clamp(y + (((-22554 * blue) - (46802 * red) + Half) >> 16)); // 0.34414, 0.71414
        pixel[2] = Clamp(y + (((116130 * blue) + Half) >> 16)); // 1.77200
    }

    private static byte Clamp(int value) => (byte)Math.Clamp(value, 0, 255);

    /// <summary>The frame header behind its length: precision, height, width, components, then number, sampling and table of each.</summary>
    private static byte[]? Frame(ReadOnlySpan<byte> file)
    {
        foreach (var (marker, at, length) in Segments(file))
        {
            if (marker is >= 0xC0 and <= 0xC2)
            {
                return length > 2 && file[at + 4] == 8 ? file.Slice(at + 4, length - 2).ToArray() : null;
            }
        }

        return null;
    }

    private static bool HasJfif(ReadOnlySpan<byte> file)
    {
        foreach (var (marker, at, _) in Segments(file))
        {
            if (marker == App0 && file[(at + 4)..].StartsWith("JFIF\0"u8))
            {
                return true;
            }
        }

        return false;
    }

    private static (byte[] File, byte? Transform) WithoutAdobe(ReadOnlySpan<byte> file)
    {
        foreach (var (marker, at, length) in Segments(file))
        {
            if (marker == App14 && length >= 14 && file[(at + 4)..].StartsWith("Adobe"u8))
            {
                return ([.. file[..at], .. file[(at + 2 + length)..]], file[at + 15]);
            }
        }

        return (file.ToArray(), null);
    }

    /// <summary>The segments before the first scan: marker, where it is, and the length behind it.</summary>
    private static List<(byte Marker, int At, int Length)> Segments(ReadOnlySpan<byte> file)
    {
        var segments = new List<(byte, int, int)>();
        for (var at = 2; at + 4 <= file.Length && file[at] == 0xFF && file[at + 1] != Scan;)
        {
            if (file[at + 1] == 0xFF)
            {
                at++;
                continue;
            }

            var length = BinaryPrimitives.ReadUInt16BigEndian(file[(at + 2)..]);
            if (length < 2 || at + 2 + length > file.Length)
            {
                break;
            }

            segments.Add((file[at + 1], at, length));
            at += 2 + length;
        }

        return segments;
    }
}
