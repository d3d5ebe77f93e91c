using System.Buffers.Binary;

namespace StableDiffusion;

/// <summary>The IHDR chunk (PNG specification, section 11.2.1).</summary>
internal readonly record struct PngHeader(int Width, int Height, int BitDepth, PngColour Colour, bool Interlaced)
{
    public const int Length = 13;

    /// <summary>Samples of one pixel.</summary>
    public int Channels => Colour switch
    {
        PngColour.Rgb => 3,
        PngColour.GrayAlpha => 2,
        PngColour.Rgba => 4,
        _ => 1,
    };

    /// <summary>The distance to the pixel that a filter calls left: whole bytes, at least one.</summary>
    public int Step => Math.Max(1, Channels * BitDepth / 8);

    /// <summary>Bytes of a row of so many pixels, without its filter byte.</summary>
    public int RowLength(int width) => (int)((((long)width * Channels * BitDepth) + 7) / 8);

    /// <summary>The parts in which the pixels come: the seven of Adam7 without empty ones, or the picture as one.</summary>
    public IEnumerable<PngPass> Passes()
    {
        (int X, int Y, int StepX, int StepY)[] grid = Interlaced
            ? [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
            : [(0, 0, 1, 1)];
        foreach (var (x, y, stepX, stepY) in grid)
        {
            var width = (int)(((long)Width - x + stepX - 1) / stepX);
            var height = (int)(((long)Height - y + stepY - 1) / stepY);
            if (width > 0 && height > 0)
            {
                yield return new PngPass(x, y, stepX, stepY, width, height);
            }
        }
    }

    /// <summary>Reads the chunk's data. False if the values are none that the specification allows.</summary>
    public static bool TryParse(ReadOnlySpan<byte> data, out PngHeader header)
    {
        header = default;
        if (data.Length != Length)
        {
            return false;
        }

        var (depth, colour, compression, filter, interlace) = (data[8], (PngColour)data[9], data[10], data[11], data[12]);
        header = new PngHeader(
            BinaryPrimitives.ReadInt32BigEndian(data), BinaryPrimitives.ReadInt32BigEndian(data[4..]), depth, colour, Interlaced: interlace == 1);
        var depthFits = colour switch
        {
            PngColour.Gray => depth is 1 or 2 or 4 or 8 or 16,
            PngColour.Palette => depth is 1 or 2 or 4 or 8,
            PngColour.Rgb or PngColour.GrayAlpha or PngColour.Rgba => depth is 8 or 16,
            _ => false,
        };
        return header.Width > 0 && header.Height > 0 && depthFits && compression == 0 && filter == 0 && interlace <= 1;
    }
}

/// <summary>The colour types of PNG by their numbers.</summary>
internal enum PngColour
{
    Gray = 0,
    Rgb = 2,
    Palette = 3,
    GrayAlpha = 4,
    Rgba = 6,
}

/// <summary>Pixels that are stored together: pixel (i, j) of the pass is pixel (X + i * StepX, Y + j * StepY) of the picture.</summary>
internal readonly record struct PngPass(int X, int Y, int StepX, int StepY, int Width, int Height);
