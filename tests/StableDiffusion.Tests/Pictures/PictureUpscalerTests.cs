namespace StableDiffusion.Tests;

public sealed class PictureUpscalerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false, 50, 37)]
    [InlineData(true, 50, 38)]
    [InlineData(true, 21, 1)]
    public void Tiles_with_a_margin_make_the_picture_that_the_whole_makes(bool evenSizes, int width, int height)
    {
        UpscalerModel.Write(_folder.PathOf("x2.onnx"), evenSizes);
        var picture = Picture(width, height);

        using var whole = Open(tile: 64, margin: 16);
        using var tiled = Open(tile: 16, margin: 4);
        var (expected, actual) = (whole.Upscale(picture), tiled.Upscale(picture));

        Assert.Equal(2, whole.Factor);
        Assert.Equal((2 * width, 2 * height), (actual.Width, actual.Height));
        Assert.InRange(Differences.Largest(actual, expected), 0, 1);
        Assert.True(expected.Pixels.ToArray().Distinct().Count() > 20, "the network makes nothing of the picture");
    }

    [Fact]
    public void A_network_of_another_kind_is_refused()
    {
        var error = Assert.Throws<ModelException>(() => PictureUpscaler.Open(Goldens.PathOf("models", "sd1", "vae_encoder", "model.onnx")));

        Assert.Contains("is no upscaling network", error.Message, StringComparison.Ordinal);
    }

    private PictureUpscaler Open(int tile, int margin) =>
        PictureUpscaler.Open(_folder.PathOf("x2.onnx"), new PipelineOptions { Device = ExecutionDevice.Cpu, Threads = 1 }, tile, margin);

    private static RgbImage Picture(int width, int height)
    {
        var pixels = new byte[width * height * 3];
        new Random(3).NextBytes(pixels);
        return new RgbImage(width, height, pixels);
    }
}
