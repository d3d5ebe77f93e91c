namespace StableDiffusion.Tests;

/// <summary>The second pass, put together from what is held to references elsewhere: latents, image to image, resizing.</summary>
public sealed class HiresTests(Pipelines pipelines) : IClassFixture<Pipelines>
{
    private static readonly ImageRequest _request = new()
    {
        Prompt = "a castle",
        NegativePrompt = "dog",
        Steps = 4,
        Seeds = [5],
        Width = 48,
        Height = 32,
        Scheduler = "ddim",
    };

    /// <summary>torch.nn.functional.interpolate(torch.arange(6.).reshape(1, 1, 2, 3), size=(4, 5), mode="bilinear")</summary>
    [Fact]
    public void Latents_are_enlarged_as_PyTorch_does()
    {
        float[] expected = [0, 0.4f, 1, 1.6f, 2, 0.75f, 1.15f, 1.75f, 2.35f, 2.75f, 2.25f, 2.65f, 3.25f, 3.85f, 4.25f, 3, 3.4f, 4, 4.6f, 5];

        var larger = Enlarger.Enlarge(new Latents([0, 1, 2, 3, 4, 5], 1, 1, 2, 3), height: 4, width: 5);

        Assert.InRange(Differences.Largest(larger.Values, expected), 0, 1e-5);
    }

    [Fact]
    public void The_second_pass_with_lanczos_is_image_to_image_on_the_enlarged_picture_but_for_the_posteriors_noise()
    {
        var first = pipelines.Of("sd1").Generate(_request).Single();
        var larger = ImageResizer.Resize(first.Image, 96, 64);

        var hires = pipelines.Of("sd1").Generate(_request with { Hires = new Hires(2) { Upscaler = "lanczos", Strength = 0.5 } }).Single();
        var byHand = pipelines.Of("sd1").Generate(_request with
        {
            Width = 96,
            Height = 64,
            InitImage = larger,
            Strength = 0.5,
            NoiseFactory = seed => new WithoutTheFirst(ImageNoise.Create(RandomGenerator.Cpu, seed)),
        }).Single();

        Assert.Equal((96, 64), (hires.Image.Width, hires.Image.Height));
        Assert.InRange(Differences.Largest(hires.Latents.Values, byHand.Latents.Values), 0, 1e-3);
    }

    [Fact]
    public void Every_upscaler_gives_another_picture_of_the_larger_size_and_is_kept_with_it()
    {
        using var folder = new TemporaryFolder();
        UpscalerModel.Write(folder.PathOf("x2.onnx"));
        string[] upscalers = ["latent", "lanczos", folder.PathOf("x2.onnx")];

        var pictures = upscalers.Select(upscaler =>
            pipelines.Of("sd1").Generate(_request with { Hires = new Hires(2) { Upscaler = upscaler, Steps = 3, Strength = 0.7 } }).Single()).ToList();

        Assert.All(pictures, picture => Assert.Equal((96, 64), (picture.Image.Width, picture.Image.Height)));
        Assert.Equal(3, pictures.Select(picture => Convert.ToHexString(picture.Image.Pixels.Span)).Distinct().Count());
        Assert.Contains(
            "Size: 48x32, Model: sd1, Denoising strength: 0.7, RNG: CPU, Hires upscale: 2, Hires steps: 3, Hires upscaler: Latent", pictures[0].Parameters.ToInfotext(), StringComparison.Ordinal);
        Assert.Contains("Hires upscaler: x2", pictures[2].Parameters.ToInfotext(), StringComparison.Ordinal);
    }

    [Fact]
    public void Several_pictures_of_a_seed_are_enlarged_each_by_itself_and_progress_counts_both_passes()
    {
        var reports = new List<GenerationProgress>();
        var request = _request with { ImagesPerSeed = 2, Hires = new Hires(2) { Strength = 0.5 } };

        var pictures = pipelines.Of("sd1").Generate(request, new Listener(reports)).ToList();

        Assert.Equal(2, pictures.Count);
        Assert.Equal(Enumerable.Range(1, 6), reports.Select(report => report.Call));
        Assert.All(reports, report => Assert.Equal(6, report.Calls));
    }

    [Theory]
    [InlineData(1, 0.5, "latent")]
    [InlineData(double.NaN, 0.5, "latent")]
    [InlineData(2, 0, "latent")]
    [InlineData(2, 2, "latent")]
    [InlineData(2, 0.5, "nowhere.onnx")]
    public void A_second_pass_that_makes_no_sense_is_refused(double scale, double strength, string upscaler) => Assert.Throws<RequestException>(() =>
        pipelines.Of("sd1").Generate(_request with { Hires = new Hires(scale) { Strength = strength, Upscaler = upscaler } }));

    private sealed class Listener(List<GenerationProgress> reports) : IProgress<GenerationProgress>
    {
        public void Report(GenerationProgress value) => reports.Add(value);
    }

    /// <summary>Zeros for the first draw, which is the posterior's; the second is then the generator's first.</summary>
    private sealed class WithoutTheFirst(INoiseSource noise) : INoiseSource
    {
        private bool _isFirst = true;

        public void Draw(Span<float> values)
        {
            if (_isFirst)
            {
                values.Clear();
            }
            else
            {
                noise.Draw(values);
            }

            _isFirst = false;
        }
    }
}
