namespace StableDiffusion.Tests;

/// <summary>What must hold for any model, shown on the small golden ones.</summary>
public sealed class PipelineTests(Pipelines pipelines) : IClassFixture<Pipelines>
{
    private static readonly ImageRequest _request = new()
    {
        Prompt = "a glass castle",
        Seeds = [7],
        Steps = 6,
        GuidanceScale = 5,
        Width = 64,
        Height = 64,
        Scheduler = "ddim",
    };

    private static readonly RgbImage _picture = PngReader.Read(Goldens.PathOf("pictures", "sd1-061-init.png")).Image;

    [Theory]
    [InlineData("ddim")]
    [InlineData("euler_a")]
    [InlineData("dpmpp_2m_sde")]
    [InlineData("lcm")]
    public void The_same_request_gives_the_same_picture(string scheduler) =>
        Assert.Equal(Latents(_request with { Scheduler = scheduler }), Latents(_request with { Scheduler = scheduler }));

    [Fact]
    public void Another_seed_gives_another_picture() => Assert.NotEqual(Latents(_request), Latents(_request with { Seeds = [8] }));

    [Fact]
    public void Each_seed_of_a_list_is_painted_as_alone()
    {
        var together = pipelines.Of("sd1").Generate(_request with { Seeds = [3, 4, 5], Scheduler = "euler_a" }).ToList();

        Assert.Equal([3L, 4L, 5L], together.Select(picture => picture.Seed));
        Assert.All(together, picture =>
            Assert.Equal(Latents(_request with { Seeds = [picture.Seed], Scheduler = "euler_a" }), picture.Latents.Values));
    }

    // Schedulers that start from noise of a deviation of about 1, 14 and 157; what a seed draws is held to PyTorch and diffusers elsewhere.
    [Theory]
    [InlineData("ddim")]
    [InlineData("euler")]
    [InlineData("lms")]
    [InlineData("heun")]
    [InlineData("dpm2")]
    [InlineData("dpmpp_2m")]
    public void Noise_given_as_latents_is_the_noise_the_seed_draws(string scheduler)
    {
        var noise = new float[4 * 8 * 8];
        new TorchRandom(7).Draw(noise);
        var request = _request with { Scheduler = scheduler };

        Assert.Equal(Latents(request), Latents(request with { Seeds = [99], Latents = new Latents(noise, 1, 4, 8, 8) }));
        Assert.NotEqual(Latents(request), Latents(request with { Latents = new Latents([.. noise.Select(value => value / 2)], 1, 4, 8, 8) }));
    }

    [Fact]
    public void Image_to_image_of_strength_1_is_text_to_image_from_the_noised_picture()
    {
        var folder = ModelFolder.Open(Goldens.PathOf("models", "sd1"));
        var random = new TorchRandom(7);
        using var encoder = new VaeCodec(folder, new NetworkLoader(folder, new OnnxRuntimeHost(ExecutionDevice.Cpu, threads: 1)));
        var pixels = ImageProcessor.InitImage(_picture, 64, 64);
        var clean = encoder.Encode(pixels, 64, 64, random, TestContext.Current.CancellationToken);
        var noised = new float[clean.Values.Length];
        random.Draw(noised);
        SchedulerTable.Create(folder.Scheduler, "ddim", new SchedulerRun { Steps = 6 }).AddNoise(0, clean.Values, noised, noised);

        var fromPicture = Latents(_request with { InitImage = _picture, Strength = 1 });
        var fromLatents = Latents(_request with { Latents = new Latents(noised, 1, 4, 8, 8) });
        Assert.InRange(Differences.Largest(fromPicture, fromLatents), 0, 1e-4);
    }

    [Theory]
    [InlineData(100, 70, 96, 64)]
    [InlineData(64, 130, 64, 128)]
    [InlineData(7, 5, 16, 16)]
    public void A_picture_of_any_size_is_brought_to_one_that_fits_the_model(int width, int height, int expectedWidth, int expectedHeight)
    {
        var odd = ImageResizer.Resize(_picture, width, height);

        var painted = pipelines.Of("sd1").Generate(_request with { InitImage = odd, Width = null, Height = null }).Single();

        Assert.Equal((expectedWidth, expectedHeight), (painted.Image.Width, painted.Image.Height));
    }

    [Fact]
    public void A_black_mask_keeps_the_picture_as_the_autoencoder_has_it()
    {
        var black = new RgbImage(64, 64, new byte[64 * 64 * 3]);
        var random = new TorchRandom(7);
        var folder = ModelFolder.Open(Goldens.PathOf("models", "sd1"));
        using var encoder = new VaeCodec(folder, new NetworkLoader(folder, new OnnxRuntimeHost(ExecutionDevice.Cpu, threads: 1)));
        var known = encoder.Encode(ImageProcessor.InitImage(_picture, 64, 64), 64, 64, random, TestContext.Current.CancellationToken);

        Assert.InRange(Differences.Largest(Latents(_request with { InitImage = _picture, Mask = black, Strength = 0.5 }), known.Values), 0, 1e-5);
    }

    // Six steps lie at 0, 1/6 … 5/6 of the run; a step at the very end of the range is outside, one at its start inside.
    [Theory]
    [InlineData(0, 0.5, 0, 0.4)]
    [InlineData(0.5, 1, 0.4, 0.84)]
    public void Guidance_begins_with_the_step_at_its_start_and_ends_before_the_one_at_its_end(double start, double end, double sameStart, double sameEnd)
    {
        var ranged = Latents(_request with { GuidanceStart = start, GuidanceEnd = end });

        Assert.Equal(Latents(_request with { GuidanceStart = sameStart, GuidanceEnd = sameEnd }), ranged);
        Assert.NotEqual(Latents(_request with { GuidanceStart = start, GuidanceEnd = Math.Min(end + 0.01, 1), GuidanceScale = start > 0 ? 6 : 5 }), ranged);
        Assert.NotEqual(Latents(_request), ranged);
    }

    [Fact]
    public void Guidance_in_a_range_without_steps_is_no_guidance() =>
        Assert.Equal(Latents(_request with { GuidanceScale = 1 }), Latents(_request with { GuidanceStart = 0.95, GuidanceEnd = 1 }));

    [Fact]
    public void Without_guidance_the_negative_prompt_plays_no_part() =>
        Assert.Equal(
            Latents(_request with { GuidanceScale = 1 }),
            Latents(_request with { GuidanceScale = 0.5, NegativePrompt = "a horse" }));

    [Fact]
    public void An_empty_prompt_without_guidance_paints_unconditionally()
    {
        var unconditional = _request with { Prompt = "", GuidanceScale = 1 };
        Assert.NotEqual(Latents(_request with { GuidanceScale = 1 }), Latents(unconditional));
        Assert.All(Latents(unconditional), value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void Networks_closed_one_after_the_other_paint_the_same()
    {
        var opened = 0;
        using var sparing = TextToImagePipeline.Load(
            Goldens.PathOf("models", "sd1"),
            new PipelineOptions { Device = ExecutionDevice.Cpu, OneNetworkAtATime = true, SessionOptions = _ => opened++ });

        var pictures = sparing.Generate(_request with { Seeds = [7, 8] }).ToList();

        Assert.Equal(Latents(_request), pictures[0].Latents.Values);
        Assert.Equal(Latents(_request with { Seeds = [8] }), pictures[1].Latents.Values);

        // Text encoder, UNet and decoder, each anew for the second picture, for none was left open.
        Assert.Equal(6, opened);
    }

    [Fact]
    public void The_parameters_stored_paint_the_picture_again()
    {
        var first = pipelines.Of("sd1").Generate(_request with { NegativePrompt = "a horse", Scheduler = "DPM++ 2M Karras" }).Single();
        Assert.True(GenerationParameters.TryParse(first.Parameters.ToInfotext(), out var stored));

        var again = Latents(new ImageRequest
        {
            Prompt = stored.Prompt,
            NegativePrompt = stored.NegativePrompt,
            Seeds = [(long)stored.Seed!],
            Steps = stored.Steps,
            GuidanceScale = stored.CfgScale,
            Width = stored.Width,
            Height = stored.Height,
            Scheduler = $"{stored.Sampler} {stored.ScheduleType}",
        });
        Assert.Equal(first.Latents.Values, again);
    }

    [Fact]
    public void A_prompt_longer_than_an_export_of_fixed_shape_is_refused_unless_it_is_cut()
    {
        var longer = _request with { Prompt = string.Join(", ", Enumerable.Repeat("glass castle", 30)), Width = null, Height = null };

        var error = Assert.Throws<RequestException>(() => pipelines.Of("sd1-static").Generate(longer).Count());
        Assert.Contains("154 tokens", error.Message, StringComparison.Ordinal);
        Assert.Single(pipelines.Of("sd1-static").Generate(longer with { LongPrompt = LongPrompt.Truncate }));
    }

    [Fact]
    public void Progress_counts_every_call_of_every_picture()
    {
        var reports = new List<GenerationProgress>();
        var pictures = pipelines.Of("sd1").Generate(_request with { Seeds = [1, 2], Scheduler = "heun", Steps = 3 }, new Listener(reports.Add)).ToList();

        Assert.Equal(2, pictures.Count);
        Assert.Equal(
            from index in (int[])[0, 1] from call in Enumerable.Range(1, 5) select new GenerationProgress(index, 2, call, 5), reports);
    }

    [Fact]
    public void A_cancelled_run_stops_between_steps()
    {
        using var source = new CancellationTokenSource();
        var calls = 0;
        Assert.Throws<OperationCanceledException>(() => pipelines.Of("sd1").Generate(
            _request with { Steps = 50 },
            new Listener(report =>
            {
                calls = report.Call;
                if (report.Call == 3)
                {
                    source.Cancel();
                }
            }),
            source.Token).ToList());
        Assert.Equal(3, calls);
    }

    private float[] Latents(ImageRequest request) => pipelines.Of("sd1").Generate(request).Single().Latents.Values;

    private sealed class Listener(Action<GenerationProgress> report) : IProgress<GenerationProgress>
    {
        public void Report(GenerationProgress value) => report(value);
    }
}
