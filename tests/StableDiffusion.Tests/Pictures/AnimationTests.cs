using System.Globalization;

namespace StableDiffusion.Tests;

public class AnimationTests
{
    /// <summary>Pillow's view of a file: format, frames, size, repetitions (0: for ever), milliseconds by frame, the colour in the middle of each.</summary>
    private const string ReadBack = """
        import sys, PIL.Image as I
        picture = I.open(sys.argv[1])
        times, colours = [], []
        for frame in range(picture.n_frames):
            picture.seek(frame)
            picture.load()
            times.append(picture.info['duration'])
            colours.extend(picture.convert('RGB').getpixel((picture.width // 2, picture.height // 2)))
        print(picture.format, picture.n_frames, picture.size, picture.info['loop'], times, *colours)
        """;

    [Theory]
    [InlineData("run.webp", "WEBP")]
    [InlineData("RUN.WEBP", "WEBP")]
    [InlineData("run.gif", "GIF")]
    public void Pillow_shows_all_frames_as_long_as_was_asked(string name, string format)
    {
        byte[][] colours = [[200, 30, 30], [30, 200, 30], [30, 30, 200]];
        using var folder = new TemporaryFolder();
        var path = folder.PathOf(name);
        AtomicFile.Write(path, stream => Animation.Write(stream, [.. colours.Select((colour, i) => (Plain(41, 23, colour), TimeSpan.FromMilliseconds(100 * (i + 1))))], path));

        var read = Pillow.Run(ReadBack, path);
        Assert.StartsWith($"{format} 3 (41, 23) 0 [100, 200, 300] ", read, StringComparison.Ordinal);
        var shown = read.Split("] ")[1].Split(' ').Select(value => int.Parse(value, CultureInfo.InvariantCulture)).ToList();
        Assert.All(colours.SelectMany(colour => colour).Zip(shown), pair => Assert.InRange(pair.Second, pair.First - 8, pair.First + 8));
    }

    [Theory]
    [InlineData("a.webp", true)]
    [InlineData("a.GIF", true)]
    [InlineData("a.png", false)]
    [InlineData("gif", false)]
    [InlineData("", false)]
    public void The_ending_says_what_can_move(string name, bool expected) => Assert.Equal(expected, Animation.IsNamed(name));

    [Fact]
    public void The_same_pictures_give_the_same_bytes()
    {
        Assert.All((string[])["a.webp", "a.gif"], name => Assert.Equal(Written(name), Written(name)));

        static byte[] Written(string name)
        {
            using var stream = new MemoryStream();
            Animation.Write(stream, [(PngWriterTests.Waves(64, 48), TimeSpan.FromSeconds(1)), (PngWriterTests.Waves(64, 48), TimeSpan.FromSeconds(2))], name);
            return stream.ToArray();
        }
    }

    private static RgbImage Plain(int width, int height, byte[] colour) => new(width, height, [.. Enumerable.Range(0, width * height).SelectMany(_ => colour)]);
}
