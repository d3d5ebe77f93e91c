namespace StableDiffusion.Tests;

public class PictureWriterTests
{
    private const string Text = "a café, りんご 🍎\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7.5, Seed: 5, Size: 40x24";

    // The second line reads as AUTOMATIC1111's webui does through piexif: the code UNICODE, then big-endian UTF-16.
    private const string ReadBack = """
        import sys, PIL.Image as I
        picture = I.open(sys.argv[1])
        comment = picture.getexif().get_ifd(0x8769).get(0x9286)
        text = picture.text['parameters'] if picture.format == 'PNG' else comment[8:].decode('utf_16_be') if comment[:8] == b'UNICODE\0' else None
        print(picture.format, picture.mode, picture.size, ascii(text))
        picture.load()
        """;

    [Theory]
    [InlineData(nameof(PictureKind.Png), "PNG")]
    [InlineData(nameof(PictureKind.Jpeg), "JPEG")]
    [InlineData(nameof(PictureKind.WebP), "WEBP")]
    public void Pillow_opens_what_is_written_and_reads_its_text(string format, string name)
    {
        var kind = Enum.Parse<PictureKind>(format);
        using var folder = new TemporaryFolder();
        var path = folder.PathOf("picture");
        AtomicFile.Write(path, stream => PictureWriter.Write(stream, PngWriterTests.Waves(40, 24), kind, Text));

        Assert.Equal($"{name} RGB (40, 24) {Ascii(Text)}", Pillow.Run(ReadBack, path));
    }

    [Theory]
    [InlineData(nameof(PictureKind.Jpeg), 100, 4)]
    [InlineData(nameof(PictureKind.Jpeg), 60, 24)]
    [InlineData(nameof(PictureKind.WebP), 100, 8)]
    [InlineData(nameof(PictureKind.WebP), 60, 24)]
    public void What_is_written_reads_back_as_well_as_its_quality_allows(string format, int quality, int most)
    {
        var kind = Enum.Parse<PictureKind>(format);
        var image = new RgbImage(61, 37, [.. Enumerable.Range(0, 61 * 37).SelectMany(static i => (byte[])[(byte)(i % 61 * 4), (byte)(i / 61 * 6), 128])]);

        var read = PictureReader.Read(Written(image, kind, "text", quality), "a");

        Assert.Equal((image.Width, image.Height), (read.Width, read.Height));
        Assert.InRange(image.Pixels.ToArray().Zip(read.Pixels.ToArray(), static (one, other) => Math.Abs(one - other)).Max(), 0, most);
    }

    [Theory]
    [InlineData(nameof(PictureKind.Jpeg))]
    [InlineData(nameof(PictureKind.WebP))]
    public void Quality_decides_the_size_and_the_same_input_gives_the_same_bytes(string format)
    {
        var kind = Enum.Parse<PictureKind>(format);
        var image = PngWriterTests.Waves(128, 128);

        Assert.True(Written(image, kind, null, 40).Length < Written(image, kind, null, 95).Length);
        Assert.Equal(Written(image, kind, Text, 80), Written(image, kind, Text, 80));
    }

    [Fact]
    public void A_text_longer_than_a_JPEG_holds_is_refused_and_a_WebP_takes_it()
    {
        var image = PngWriterTests.Waves(8, 8);

        Assert.Equal(8, PictureReader.Read(Written(image, PictureKind.Jpeg, new string('a', PictureWriter.LongestJpegText), 90), "a").Width);
        var error = Assert.Throws<RequestException>(() => Written(image, PictureKind.Jpeg, new string('a', PictureWriter.LongestJpegText + 1), 90));
        Assert.StartsWith("a JPEG holds at most ", error.Message, StringComparison.Ordinal);
        Assert.Equal(8, PictureReader.Read(Written(image, PictureKind.WebP, new string('a', 100_001), 90), "a").Width);
    }

    [Theory]
    [InlineData(nameof(PictureKind.Jpeg), 65536)]
    [InlineData(nameof(PictureKind.WebP), 16384)]
    public void A_picture_longer_than_the_format_allows_is_refused(string format, int width)
    {
        var kind = Enum.Parse<PictureKind>(format);
        var error = Assert.Throws<RequestException>(() => Written(new RgbImage(width, 1, new byte[width * 3]), kind, null, 90));

        Assert.Contains($"the picture has {width}x1; write a PNG", error.Message, StringComparison.Ordinal);
    }

    private static byte[] Written(RgbImage image, PictureKind kind, string? text, int quality)
    {
        using var stream = new MemoryStream();
        PictureWriter.Write(stream, image, kind, text, quality);
        return stream.ToArray();
    }

    /// <summary>As Python's <c>ascii</c> writes it.</summary>
    private static string Ascii(string text) => $"'{string.Concat(text.EnumerateRunes().Select(static rune => rune.Value switch
    {
        '\n' => "\\n",
        < 128 => rune.ToString(),
        < 256 => $"\\x{rune.Value:x2}",
        < 65536 => $"\\u{rune.Value:x4}",
        _ => $"\\U{rune.Value:x8}",
    }))}'";
}
