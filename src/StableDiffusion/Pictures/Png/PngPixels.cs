namespace StableDiffusion;

/// <summary>Turns the inflated bytes of a PNG into RGB: takes the filters back, puts interlaced pixels in place, scales samples to 8 bits.</summary>
internal static class PngPixels
{
    /// <summary>
    /// Reads the picture. As Pillow's <c>convert("RGB")</c>: transparency is dropped, gray is repeated, 16-bit samples keep their high byte. Only for
    /// 16-bit gray Pillow differs: it clips at 255 and turns nearly all of such a picture white.
    /// </summary>
    /// <param name="inflated">Filter byte and row, again and again; ends early with <see cref="EndOfStreamException"/>.</param>
    /// <param name="header">Size and form.</param>
    /// <param name="palette">RGB triples, empty where there is none; an index past its end is black.</param>
    /// <exception cref="InvalidDataException">A row has a filter that does not exist.</exception>
    /// <param name="alpha">Receives the least and the greatest opacity of its pixels, 255 where it has no alpha channel.</param>
    public static RgbImage Read(Stream inflated, PngHeader header, ReadOnlySpan<byte> palette, out (byte Least, byte Most) alpha)
    {
        var hasAlpha = header.Colour is PngColour.GrayAlpha or PngColour.Rgba;
        alpha = hasAlpha ? ((byte)255, (byte)0) : ((byte)255, (byte)255);
        var colours = new byte[256 * 3];
        palette[..Math.Min(palette.Length, colours.Length)].CopyTo(colours);

        var pixels = new byte[header.Width * header.Height * 3];
        foreach (var pass in header.Passes())
        {
            var row = new byte[1 + header.RowLength(pass.Width)];
            var above = new byte[row.Length];
            for (var y = 0; y < pass.Height; y++)
            {
                inflated.ReadExactly(row);
                Unfilter(row[0], row.AsSpan(1), above.AsSpan(1), header.Step);
                var start = (((pass.Y + (y * pass.StepY)) * header.Width) + pass.X) * 3;
                Expand(row.AsSpan(1), header, colours, pass.Width, pixels.AsSpan(start), pass.StepX * 3);
                for (var x = 0; hasAlpha && x < pass.Width; x++)
                {
                    var opacity = Sample(row.AsSpan(1), (x * header.Channels) + header.Channels - 1, header.BitDepth);
                    alpha = (Math.Min(alpha.Least, opacity), Math.Max(alpha.Most, opacity));
                }

                (row, above) = (above, row);
            }
        }

        return RgbImage.Adopt(header.Width, header.Height, pixels);
    }

    private static void Unfilter(byte filter, Span<byte> row, ReadOnlySpan<byte> above, int step)
    {
        if (filter >= PngFilters.Count)
        {
            throw new InvalidDataException($"There is no filter {filter}.");
        }

        for (var i = 0; filter != 0 && i < row.Length; i++)
        {
            var (a, c) = i < step ? ((byte)0, (byte)0) : (row[i - step], above[i - step]);
            row[i] += PngFilters.Predict(filter, a, above[i], c);
        }
    }

    private static void Expand(ReadOnlySpan<byte> row, PngHeader header, ReadOnlySpan<byte> colours, int width, Span<byte> pixels, int stride)
    {
        var channels = header.Channels;
        var gray = header.Colour is PngColour.Gray or PngColour.GrayAlpha;
        var scale = header.BitDepth < 8 ? 255 / ((1 << header.BitDepth) - 1) : 1;
        for (int x = 0, to = 0; x < width; x++, to += stride)
        {
            var first = Sample(row, x * channels, header.BitDepth);
            if (header.Colour == PngColour.Palette)
            {
                colours.Slice(first * 3, 3).CopyTo(pixels[to..]);
            }
            else
            {
                pixels[to] = (byte)(first * scale);
                pixels[to + 1] = gray ? pixels[to] : Sample(row, (x * channels) + 1, header.BitDepth);
                pixels[to + 2] = gray ? pixels[to] : Sample(row, (x * channels) + 2, header.BitDepth);
            }
        }
    }

    private static byte Sample(ReadOnlySpan<byte> row, int index, int bitDepth)
    {
        switch (bitDepth)
        {
            case 8:
                return row[index];
            case 16:
                return row[index * 2];
            default:
                var bit = index * bitDepth;
                return (byte)((row[bit >> 3] >> (8 - bitDepth - (bit & 7))) & ((1 << bitDepth) - 1));
        }
    }
}
