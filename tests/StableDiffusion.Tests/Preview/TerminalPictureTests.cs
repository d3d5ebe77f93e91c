using System.Globalization;
using System.Text.RegularExpressions;
using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

/// <summary>What is sent to a terminal, read back as the protocols' documents say, is the picture.</summary>
public partial class TerminalPictureTests
{
    private static readonly RgbImage _noise = Noise(96, 72);

    [Fact]
    public void Kitty_gets_a_png_in_pieces_of_at_most_4096_letters()
    {
        var pieces = KittyPiece().Matches(Draw(_noise, PreviewFormat.Kitty));
        Assert.True(pieces.Count > 2);
        Assert.Equal("a=T,f=100,i=7,p=1,C=1,r=6,q=2,m=1", pieces[0].Groups[1].Value);
        Assert.All(pieces.Skip(1).SkipLast(1), piece => Assert.Equal("q=2,m=1", piece.Groups[1].Value));
        Assert.Equal("q=2,m=0", pieces[^1].Groups[1].Value);
        Assert.All(pieces, piece => Assert.InRange(piece.Groups[2].Length, 1, 4096));
        Assert.All(pieces.SkipLast(1), piece => Assert.Equal(0, piece.Groups[2].Length % 4));
        Assert.Equal(Draw(_noise, PreviewFormat.Kitty).Length, pieces.Sum(piece => piece.Length));
        AssertSame(_noise, Convert.FromBase64String(string.Concat(pieces.Select(piece => piece.Groups[2].Value))));
    }

    [Fact]
    public void A_small_picture_is_one_piece() =>
        Assert.EndsWith("m=0", KittyPiece().Match(Draw(Plain(1, 1, 9, 8, 7), PreviewFormat.Kitty)).Groups[1].Value, StringComparison.Ordinal);

    [Fact]
    public void ITerm2_gets_a_file_with_its_size()
    {
        var sent = Regex.Match(Draw(_noise, PreviewFormat.ITerm2), "^\u001b]1337;File=inline=1;size=(\\d+);height=6;preserveAspectRatio=1:([^\a]*)\a$");
        var file = Convert.FromBase64String(sent.Groups[2].Value);
        Assert.Equal(file.Length, int.Parse(sent.Groups[1].Value, CultureInfo.InvariantCulture));
        AssertSame(_noise, file);
    }

    /// <summary>A dither of 6 levels keeps the mean of an area to a few of 256, and each pixel to the distance between levels.</summary>
    [Theory]
    [InlineData(255, 255, 255)]
    [InlineData(0, 0, 0)]
    [InlineData(200, 30, 90)]
    [InlineData(128, 128, 128)]
    public void Sixels_have_the_pictures_colours(byte red, byte green, byte blue)
    {
        var (width, height, pixels) = ReadSixel(Draw(Plain(32, 32, red, green, blue), PreviewFormat.Sixel));
        Assert.Equal((72, 72), (width, height)); // six lines of twelve pixels
        int[] wanted = [red, green, blue];
        for (var channel = 0; channel < 3; channel++)
        {
            var values = Enumerable.Range(0, width * height).Select(i => pixels[(3 * i) + channel]).ToList();
            Assert.All(values, value => Assert.InRange(value, wanted[channel] - 52, wanted[channel] + 52)); // 255 / 5 and rounding
            Assert.Equal(wanted[channel], values.Average(), 4.0);
        }
    }

    [Fact]
    public void Sixels_are_where_the_picture_has_them()
    {
        var halves = Plain(24, 24, 0, 0, 0).Pixels.ToArray();
        for (var i = 0; i < halves.Length; i += 3)
        {
            halves[i] = i / 3 % 24 >= 12 ? (byte)255 : (byte)0; // black at the left, red at the right
        }

        var (width, height, pixels) = ReadSixel(Draw(new RgbImage(24, 24, halves), PreviewFormat.Sixel));
        for (var y = 0; y < height; y++)
        {
            Assert.Equal((0, 255), (pixels[3 * y * width], pixels[3 * ((y * width) + width - 1)]));
        }
    }

    [Fact]
    public void Blocks_have_two_pixels_a_character()
    {
        var picture = Noise(10, 12);
        var text = Draw(picture, PreviewFormat.Blocks, columns: 10);
        var lines = text.Split("\r\n");
        Assert.Equal(6, lines.Length);
        for (var row = 0; row < lines.Length; row++)
        {
            var cells = Block().Matches(lines[row]);
            Assert.Equal(10, cells.Count);
            Assert.EndsWith("\u001b[0m", lines[row], StringComparison.Ordinal);
            for (var column = 0; column < cells.Count; column++)
            {
                var colours = cells[column].Groups.Values.Skip(1).Select(one => byte.Parse(one.Value, CultureInfo.InvariantCulture)).ToArray();
                Assert.Equal(picture.Pixels.Slice(3 * ((2 * row * 10) + column), 3).ToArray(), colours[..3]);
                Assert.Equal(picture.Pixels.Slice(3 * ((((2 * row) + 1) * 10) + column), 3).ToArray(), colours[3..]);
            }
        }
    }

    /// <summary>The cube of 256 colours: 16 + 36 r + 6 g + b of the levels 0, 95, 135, 175, 215, 255 (xterm's 256colres.pl).</summary>
    [Theory]
    [InlineData(0, 0, 0, 16)]
    [InlineData(255, 255, 255, 231)]
    [InlineData(95, 135, 175, 67)]
    [InlineData(255, 0, 0, 196)]
    [InlineData(47, 48, 115, 24)]
    [InlineData(235, 234, 114, 221)]
    public void Terminals_without_true_colour_get_the_nearest_of_256(byte red, byte green, byte blue, int expected) =>
        Assert.Equal(
            $"\u001b[38;5;{expected};48;5;{expected}m▀\u001b[0m",
            TerminalPicture.Draw(Plain(1, 2, red, green, blue), new Terminal(PreviewFormat.Blocks, false, 12), 1, 1, 1));

    private static string Draw(RgbImage picture, PreviewFormat format, int columns = 12) =>
        TerminalPicture.Draw(picture, new Terminal(format, true, 12), rows: 6, columns, id: 7);

    private static void AssertSame(RgbImage expected, byte[] png)
    {
        var shown = PngReader.Read(png, "sent").Image;
        Assert.Equal((expected.Width, expected.Height), (shown.Width, shown.Height));
        Assert.Equal(expected.Pixels.ToArray(), shown.Pixels.ToArray());
    }

    /// <summary>A reader of sixels after DEC's "VT330/VT340 Programmer Reference", chapter 14.</summary>
    private static (int Width, int Height, int[] Pixels) ReadSixel(string text)
    {
        var whole = Regex.Match(text, "^\u001bP0;1;0q\"1;1;(\\d+);(\\d+)(.*)\u001b\\\\$", RegexOptions.Singleline);
        var (width, height) = (Number(whole.Groups[1]), Number(whole.Groups[2]));
        var pixels = new int[3 * width * (height + 5)];
        Array.Fill(pixels, -1000); // what no sixel sets is seen
        var palette = new Dictionary<int, int[]>();
        var (x, top, colour) = (0, 0, 0);
        foreach (Match token in SixelToken().Matches(whole.Groups[3].Value))
        {
            switch (token.Value[0])
            {
                case '#' when token.Groups["red"].Success:
                    palette[Number(token.Groups["defined"])] = [.. new[] { "red", "green", "blue" }.Select(name => Number(token.Groups[name]) * 255 / 100)];
                    break;
                case '#':
                    colour = Number(token.Groups["chosen"]);
                    break;
                case '$':
                    x = 0;
                    break;
                case '-':
                    (x, top) = (0, top + 6);
                    break;
                default:
                    for (var count = token.Groups["count"].Success ? Number(token.Groups["count"]) : 1; count > 0; count--, x++)
                    {
                        for (var bit = 0; bit < 6; bit++)
                        {
                            if (((token.Value[^1] - '?') >> bit & 1) == 1)
                            {
                                palette[colour].CopyTo(pixels, 3 * (((top + bit) * width) + x));
                            }
                        }
                    }

                    break;
            }
        }

        return (width, height, pixels[..(3 * width * height)]);

        static int Number(Group group) => int.Parse(group.Value, CultureInfo.InvariantCulture);
    }

    private static RgbImage Plain(int width, int height, byte red, byte green, byte blue) =>
        new(width, height, [.. Enumerable.Range(0, width * height).SelectMany(_ => new[] { red, green, blue })]);

    private static RgbImage Noise(int width, int height)
    {
        var pixels = new byte[3 * width * height];
        new Random(1).NextBytes(pixels);
        return new RgbImage(width, height, pixels);
    }

    [GeneratedRegex("\u001b_G([^;]*);([^\u001b]*)\u001b\\\\")]
    private static partial Regex KittyPiece();

    [GeneratedRegex("\u001b\\[38;2;(\\d+);(\\d+);(\\d+);48;2;(\\d+);(\\d+);(\\d+)m▀")]
    private static partial Regex Block();

    [GeneratedRegex(@"#(?<defined>\d+);2;(?<red>\d+);(?<green>\d+);(?<blue>\d+)|#(?<chosen>\d+)|!(?<count>\d+)[?-~]|[?-~]|\$|-")]
    private static partial Regex SixelToken();
}
