namespace StableDiffusion.Tests;

/// <summary>
/// Inpainting with SD 3 and Flux, as diffusers' StableDiffusion3InpaintPipeline and FluxInpaintPipeline: after each step what is kept is put back, at the
/// noise level of the next (scale_noise: σ · noise + (1 − σ) · picture). There are no reference pictures of them here; what must hold for any network is held.
/// </summary>
public sealed class FlowInpaintingTests(Pipelines pipelines) : IClassFixture<Pipelines>
{
    private const int Side = 64;

    private static readonly ImageRequest _request = new() { Prompt = "a red castle", GuidanceScale = 3, Steps = 5, Width = Side, Height = Side, Seeds = [5], InitImage = Picture(), Strength = 0.8 };

    [Theory]
    [InlineData("sd3")]
    [InlineData("flux-dev")]
    public void With_all_to_paint_it_is_image_to_image_and_with_nothing_the_picture(string model)
    {
        var fromPicture = Paint(model, _request);
        var (all, none) = (Paint(model, _request with { Mask = Mask(0, Side) }), Paint(model, _request with { Mask = Mask(0, 0) }));

        Assert.Equal(fromPicture, all);
        Assert.Equal(none, Paint(model, _request with { Prompt = "a dog", Steps = 3, Strength = 1, Mask = Mask(0, 0) }));
        Assert.NotEqual(all, none);
    }

    [Theory]
    [InlineData("sd3")]
    [InlineData("flux-dev")]
    public void What_is_kept_is_the_picture_s_and_what_is_painted_sees_it(string model)
    {
        var kept = Paint(model, _request with { Mask = Mask(0, 0) });
        var half = Paint(model, _request with { Mask = Mask(Side / 2, Side) });
        var width = Side / pipelines.In(FamilyGoldens.PathOf("models", model)).Folder.PixelsPerLatent;
        bool IsLeft(int at) => at % width < width / 2;

        Assert.All(Enumerable.Range(0, half.Length).Where(IsLeft), at => Assert.Equal(kept[at], half[at]));
        Assert.All(Enumerable.Range(0, half.Length).Where(at => !IsLeft(at)), at => Assert.NotEqual(kept[at], half[at]));
        var alone = Paint(model, _request);
        Assert.Contains(Enumerable.Range(0, half.Length), at => !IsLeft(at) && alone[at] != half[at]);
    }

    /// <summary>σ by FlowMatchEulerDiscreteScheduler.set_timesteps with SD 3's shift of 3 (Esser et al. 2024): 3t / (1 + 2t), t even from 1 to the last training step's 1/1000.</summary>
    [Fact]
    public void What_is_kept_has_the_noise_level_of_the_next_step()
    {
        var request = _request with { Strength = 1, Steps = 4, Mask = Mask(0, 0), ReportsSteps = true };
        var steps = new List<float[]>();
        var pipeline = pipelines.In(FamilyGoldens.PathOf("models", "sd3"));
        var known = pipeline.Generate(request, new Reports(progress => steps.AddRange(progress.Step is { } step ? [[.. step.After.Values]] : []))).Single().Latents.Values;

        // sigma_min is that of the shifted training schedule, from which steps are spread evenly in σ before the shift.
        var least = 3 * 0.001 / (1 + (2 * 0.001));
        double[] levels = [.. Enumerable.Range(0, 4).Select(i => 1 + (i * (least - 1) / 3)).Select(t => 3 * t / (1 + (2 * t)))];
        Assert.Equal(4, steps.Count);
        for (var i = 0; i < 2; i++)
        {
            // (latents − picture) / σ = noise − picture, the same at every step.
            var (before, after) = (levels[i + 1], levels[i + 2]);
            Assert.All(
                Enumerable.Range(0, known.Length),
                at => Assert.Equal((steps[i][at] - known[at]) / before, (steps[i + 1][at] - known[at]) / after, 1e-3));
        }

        Assert.Equal(known, steps[3]);
    }

    private float[] Paint(string model, ImageRequest request) => pipelines.In(FamilyGoldens.PathOf("models", model)).Generate(request).Single().Latents.Values;

    private static RgbImage Picture()
    {
        var random = new Random(3);
        return new RgbImage(Side, Side, [.. Enumerable.Range(0, Side * Side * 3).Select(_ => (byte)random.Next(256))]);
    }

    /// <summary>White, which is painted, from one column to another.</summary>
    private static RgbImage Mask(int from, int to) =>
        new(Side, Side, [.. Enumerable.Range(0, Side * Side * 3).Select(at => at / 3 % Side >= from && at / 3 % Side < to ? byte.MaxValue : (byte)0)]);

    private sealed class Reports(Action<GenerationProgress> tell) : IProgress<GenerationProgress>
    {
        public void Report(GenerationProgress value) => tell(value);
    }
}
