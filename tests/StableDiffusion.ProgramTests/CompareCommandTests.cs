namespace StableDiffusion.Tests;

public sealed class CompareCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0, 0, "same")]
    [InlineData(2, 0, "same")]
    [InlineData(3, 1, "different")]
    public void Pictures_are_the_same_up_to_two_levels(int difference, int exitCode, string verdict)
    {
        Write("a.png", 2, 100);
        Write("b.png", 2, (byte)(100 + difference));

        var outcome = SdProgram.Run("compare", _folder.PathOf("a.png"), _folder.PathOf("b.png"));

        Assert.Equal(exitCode, outcome.ExitCode);
        Assert.StartsWith($"{verdict} {_folder.PathOf("b.png")}: largest difference {difference}, ", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_is_compared_picture_by_picture()
    {
        Directory.CreateDirectory(_folder.PathOf("known"));
        Directory.CreateDirectory(_folder.PathOf("painted"));
        Write("known/a.png", 2, 100);
        Write("known/b.png", 2, 100);
        Write("known/c.png", 2, 100);
        Write("painted/a.png", 2, 105);
        Write("painted/b.png", 3, 100);

        var outcome = SdProgram.Run("compare", _folder.PathOf("known"), _folder.PathOf("painted"), "--tolerance", "5");

        Assert.Equal(1, outcome.ExitCode);
        Assert.Equal(["same", "different", "different"], outcome.OutputLines.Select(line => line.Split(' ')[0]));
        Assert.EndsWith("b.png: 3x2 instead of 2x2 pixels", outcome.OutputLines[1], StringComparison.Ordinal);
        Assert.EndsWith("c.png: it is missing", outcome.OutputLines[2], StringComparison.Ordinal);
    }

    [Fact]
    public void A_tolerance_below_none_is_refused()
    {
        Write("a.png", 2, 100);

        Refused.Run(Refused.Usage, "--tolerance -1 must be at least 0.", _folder, "compare", "a.png", "a.png", "--tolerance", "-1");
    }

    [Fact]
    public void A_folder_without_pictures_is_refused() =>
        Assert.Equal(2, SdProgram.Run("compare", _folder.Path, _folder.Path).ExitCode);

    private void Write(string name, int width, byte value)
    {
        using var file = File.Create(_folder.PathOf(name));
        PngWriter.Write(file, new RgbImage(width, 2, [.. Enumerable.Repeat(value, width * 2 * 3)]), []);
    }
}
