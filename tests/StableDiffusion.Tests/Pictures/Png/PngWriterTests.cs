using System.Text;

namespace StableDiffusion.Tests;

public class PngWriterTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(37, 11)]
    [InlineData(256, 64)]
    public void Pillow_reads_back_the_same_pixels_and_texts(int width, int height)
    {
        using var folder = new TemporaryFolder();
        var path = folder.PathOf("picture.png");
        var image = Waves(width, height);
        KeyValuePair<string, string>[] texts = [new("parameters", "a café,\n\"quoted\": 'x'"), new("other", "りんご 🍎")];
        AtomicFile.Write(path, stream => PngWriter.Write(stream, image, texts));

        var read = Pillow.Run(
            "import sys, PIL.Image as I; i = I.open(sys.argv[1]); i.verify(); i = I.open(sys.argv[1]); "
            + "print(i.mode, i.size, i.tobytes().hex(), ascii(i.text['parameters']), ascii(i.text['other']), type(i.text['other']).__name__)",
            path);

        Assert.Equal(
            $"RGB ({width}, {height}) {Convert.ToHexStringLower(image.Pixels.Span)} "
            + """
            'a caf\xe9,\n"quoted": \'x\'' '\u308a\u3093\u3054 \U0001f34e' iTXt
            """,
            read);
    }

    [Fact]
    public void The_same_picture_gives_the_same_bytes() =>
        Assert.Equal(Png(Waves(64, 64), ("a", "b")), Png(Waves(64, 64), ("a", "b")));

    [Theory]
    [InlineData("plain", "tEXt")]
    [InlineData("ÿ is the last of Latin-1", "tEXt")]
    [InlineData("Ā is past it", "iTXt")]
    public void Latin_1_goes_into_tEXt_and_the_rest_into_iTXt(string text, string chunk)
    {
        var file = Encoding.Latin1.GetString(Png(Waves(1, 1), ("k", text)));

        Assert.Contains(chunk, file, StringComparison.Ordinal);
        Assert.DoesNotContain(chunk == "tEXt" ? "iTXt" : "tEXt", file, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" a")]
    [InlineData("a ")]
    [InlineData("a  b")]
    [InlineData("a\nb")]
    [InlineData("りんご")]
    [InlineData("\u00A0")]
    public void A_keyword_that_png_forbids_is_refused_before_anything_is_written(string keyword)
    {
        var stream = new MemoryStream();

        Assert.Throws<ArgumentException>(() => PngWriter.Write(stream, Waves(1, 1), [new("good", ""), new(keyword, "")]));
        Assert.Equal(0, stream.Length);
    }

    [Fact]
    public void A_keyword_has_at_most_79_characters()
    {
        Png(Waves(1, 1), (new string('k', 79), ""));

        Assert.Throws<ArgumentException>(static () => Png(Waves(1, 1), (new string('k', 80), "")));
    }

    internal static byte[] Png(RgbImage image, params (string Keyword, string Text)[] texts)
    {
        var stream = new MemoryStream();
        PngWriter.Write(stream, image, [.. texts.Select(static text => KeyValuePair.Create(text.Keyword, text.Text))]);
        return stream.ToArray();
    }

    /// <summary>A picture in which each filter wins some rows.</summary>
    internal static RgbImage Waves(int width, int height)
    {
        var pixels = new byte[width * height * 3];
        for (var i = 0; i < pixels.Length; i++)
        {
            var (x, y) = (i / 3 % width, i / 3 / width);
            pixels[i] = (y % 8) switch
            {
                0 => (byte)(i * 2654435761 >> 13),
                1 => (byte)(x / 7 * 31),
                2 or 3 => (byte)((x * x / 9) + y),
                _ => (byte)(128 + (100 * Math.Sin((x + (i % 3)) / 9.0) * Math.Cos(y / 5.0))),
            };
        }

        return new RgbImage(width, height, pixels);
    }
}
