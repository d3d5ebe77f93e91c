using System.Globalization;
using System.Text;

namespace StableDiffusion.Cli;

/// <summary>Pictures as text for a terminal. The cursor stands at the top left of the place, and may stand anywhere afterwards.</summary>
internal static class TerminalPicture
{
    private const int KittyPiece = 4096; // characters of Base64, the protocol's most
    private const char Escape = (char)27;

    /// <summary>Thresholds of Bayer's matrix (1973), 16 steps spread over 4 x 4 pixels.</summary>
    private static readonly int[] _thresholds = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5];

    /// <summary>The picture in so many lines and columns.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="terminal">What the terminal can show.</param>
    /// <param name="rows">Lines.</param>
    /// <param name="columns">Columns, for characters.</param>
    /// <param name="id">kitty: a number for the picture; one of the same number is replaced.</param>
    public static string Draw(RgbImage picture, Terminal terminal, int rows, int columns, int id) => terminal.Format switch
    {
        PreviewFormat.Kitty => Kitty(picture, rows, id),
        PreviewFormat.ITerm2 => ITerm2(picture, rows),
        PreviewFormat.Sixel => Sixel(picture, rows * terminal.CellHeight),
        _ => Blocks(picture, rows, columns, terminal.TrueColour),
    };

    /// <summary>kitty's graphics protocol: a PNG in pieces; the cursor stays (C), nothing is answered (q).</summary>
    private static string Kitty(RgbImage picture, int rows, int id)
    {
        var data = Png(picture);
        var text = new StringBuilder();
        for (var from = 0; from < data.Length; from += KittyPiece)
        {
            var piece = data.AsSpan(from, Math.Min(KittyPiece, data.Length - from));
            var hasMore = from + KittyPiece < data.Length ? 1 : 0;
            var keys = from == 0 ? string.Create(CultureInfo.InvariantCulture, $"a=T,f=100,i={id},p=1,C=1,r={rows},q=2,m={hasMore}") : $"q=2,m={hasMore}";
            text.Append(CultureInfo.InvariantCulture, $"{Escape}_G{keys};{piece}{Escape}\\");
        }

        return text.ToString();
    }

    /// <summary>iTerm2's protocol: a PNG as a file that is shown in its place.</summary>
    private static string ITerm2(RgbImage picture, int rows)
    {
        var data = Png(picture);
        var size = (data.Length / 4 * 3) - data.AsSpan().Count('=');
        return string.Create(CultureInfo.InvariantCulture, $"{Escape}]1337;File=inline=1;size={size};height={rows};preserveAspectRatio=1:{data}\a");
    }

    /// <summary>Sixels: six lines of pixels at a time, each colour by itself; 6 x 6 x 6 colours, mixed by an ordered dither.</summary>
    private static string Sixel(RgbImage picture, int height)
    {
        const int Levels = 6, Band = 6;
        var width = Math.Max(picture.Width * height / picture.Height, 1);
        var pixels = ImageResizer.Resize(picture, width, height, ResizeFilter.Bilinear).Pixels.Span;
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{Escape}P0;1;0q\"1;1;{width};{height}");
        for (var colour = 0; colour < Levels * Levels * Levels; colour++)
        {
            text.Append(CultureInfo.InvariantCulture, $"#{colour};2;{colour / 36 * 20};{colour / 6 % 6 * 20};{colour % 6 * 20}");
        }

        for (var top = 0; top < height; top += Band)
        {
            var lines = new SortedDictionary<int, byte[]>();
            for (var y = top; y < Math.Min(top + Band, height); y++)
            {
                for (var x = 0; x < width; x++)
                {
                    var at = 3 * ((y * width) + x);
                    var threshold = (2 * _thresholds[((y & 3) * 4) + (x & 3)]) + 1; // of 32
                    var colour = (Level(pixels[at], threshold) * 36) + (Level(pixels[at + 1], threshold) * 6) + Level(pixels[at + 2], threshold);
                    if (!lines.TryGetValue(colour, out var line))
                    {
                        lines[colour] = line = new byte[width];
                    }

                    line[x] |= (byte)(1 << (y - top));
                }
            }

            foreach (var (colour, line) in lines)
            {
                text.Append(CultureInfo.InvariantCulture, $"#{colour}");
                AppendRuns(text, line);
                text.Append('$');
            }

            text.Append('-');
        }

        return text.Append(Escape).Append('\\').ToString();

        static int Level(int value, int threshold) => ((value * (Levels - 1) * 32) + (threshold * 255)) / (255 * 32);
    }

    /// <summary>A line of sixels, with a count where one is repeated.</summary>
    private static void AppendRuns(StringBuilder text, byte[] line)
    {
        for (int from = 0, to; from < line.Length; from = to)
        {
            for (to = from + 1; to < line.Length && line[to] == line[from]; to++)
            {
            }

            var sixel = (char)('?' + line[from]);
            if (to - from > 3)
            {
                text.Append(CultureInfo.InvariantCulture, $"!{to - from}{sixel}");
            }
            else
            {
                text.Append(sixel, to - from);
            }
        }
    }

    /// <summary>Two pixels a character, the upper in the colour of the text, the lower in that of its ground.</summary>
    private static string Blocks(RgbImage picture, int rows, int columns, bool trueColour)
    {
        var pixels = ImageResizer.Resize(picture, columns, 2 * rows, ResizeFilter.Bilinear).Pixels.Span;
        var text = new StringBuilder();
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                var upper = pixels[(3 * ((2 * row * columns) + column))..];
                var lower = upper[(3 * columns)..];
                text.Append(CultureInfo.InvariantCulture, $"{Escape}[38;{Colour(upper, trueColour)};48;{Colour(lower, trueColour)}m▀");
            }

            text.Append(Escape).Append("[0m").Append(row == rows - 1 ? "" : "\r\n");
        }

        return text.ToString();
    }

    /// <summary>A colour as it is, or the nearest of xterm's cube, whose levels are 0, 95, 135, … 255.</summary>
    private static string Colour(ReadOnlySpan<byte> rgb, bool trueColour)
    {
        return trueColour
            ? string.Create(CultureInfo.InvariantCulture, $"2;{rgb[0]};{rgb[1]};{rgb[2]}")
            : string.Create(CultureInfo.InvariantCulture, $"5;{16 + (36 * Level(rgb[0])) + (6 * Level(rgb[1])) + Level(rgb[2])}");

        static int Level(byte value) => value < 48 ? 0 : value < 115 ? 1 : (value - 35) / 40;
    }

    private static string Png(RgbImage picture)
    {
        using var stream = new MemoryStream();
        PngWriter.Write(stream, picture);
        return Convert.ToBase64String(stream.GetBuffer(), 0, (int)stream.Length);
    }
}
