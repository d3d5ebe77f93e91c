namespace StableDiffusion.Tests;

/// <summary>A pipeline used twice, from several threads, from within, after its end, and with parts of the caller's own.</summary>
public sealed class PipelineLifeTests : IDisposable
{
    private static readonly ImageRequest _request = new()
    {
        Prompt = "a glass castle",
        Seeds = [7],
        Steps = 3,
        GuidanceScale = 5,
        Width = 64,
        Height = 64,
        Scheduler = "euler_a",
    };

    private readonly TextToImagePipeline _pipeline = Open();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _pipeline.Dispose();

    [Fact]
    public void Pictures_gone_through_again_are_painted_again_the_same()
    {
        var pictures = _pipeline.Generate(_request with { Seeds = [7, 8] });

        Assert.Equal(pictures.Select(Values), pictures.Select(Values));
    }

    [Fact]
    public void Pictures_painted_together_are_the_same_when_gone_through_again()
    {
        var pictures = _pipeline.GenerateTogether([_request, _request with { Seeds = [8] }]);

        Assert.Equal(pictures.Select(Values), pictures.Select(Values));
    }

    [Fact]
    public async Task A_request_in_the_background_paints_the_same()
    {
        var request = _request with { Seeds = [7, 8], ImagesPerSeed = 2 };
        var pictures = new List<float[]>();
        await foreach (var picture in _pipeline.GenerateAsync(request, cancellation: Cancellation))
        {
            pictures.Add(Values(picture));
        }

        Assert.Equal(_pipeline.Generate(request).Select(Values), pictures);
    }

    [Fact]
    public async Task A_request_in_the_background_stops_when_it_is_cancelled()
    {
        using var source = new CancellationTokenSource();
        var progress = new Listener(_ => source.Cancel());

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in _pipeline.GenerateAsync(_request, progress, source.Token))
            {
                Assert.Fail("A picture came though the run was cancelled at its first call.");
            }
        });
    }

    [Fact]
    public void A_wrong_request_is_refused_at_once_in_the_background_too() =>
        Assert.Throws<RequestException>(() => _pipeline.GenerateAsync(_request with { Steps = 0 }));

    [Fact]
    public async Task Threads_that_share_a_pipeline_each_get_the_pictures_they_get_alone()
    {
        ImageRequest[] requests =
        [
            _request,
            _request with { Seeds = [1, 2], ClipSkip = 2 },
            _request with { Prompt = "a horse", Scheduler = "ddim", GuidanceScale = 1 },
            _request with { NegativePrompt = "blue", Seeds = [9], ImagesPerSeed = 2 },
        ];
        var alone = requests.Select(request => _pipeline.Generate(request).Select(Values).ToList()).ToList();

        var together = await Task.WhenAll(requests.Select(request => Task.Run(() => _pipeline.Generate(request).Select(Values).ToList(), Cancellation)));

        Assert.Equal(alone, together);
    }

    [Fact]
    public void Pictures_of_two_requests_taken_in_turns_are_those_of_each_alone()
    {
        var (first, second) = (_request with { Seeds = [1, 2] }, _request with { Seeds = [3, 4], Prompt = "a horse", ClipSkip = 2 });
        var alone = _pipeline.Generate(first).Zip(_pipeline.Generate(second)).Select(pair => (Values(pair.First), Values(pair.Second))).ToList();

        Assert.Equal(_pipeline.Generate(first).Select(Values), alone.Select(pair => pair.Item1));
        Assert.Equal(_pipeline.Generate(second).Select(Values), alone.Select(pair => pair.Item2));
    }

    [Fact]
    public void A_report_that_uses_the_pipeline_that_reports_is_told_so()
    {
        var inner = new Listener(_ => Assert.NotEmpty(_pipeline.Generate(_request)));

        var error = Assert.Throws<InvalidOperationException>(() => _pipeline.Generate(_request, inner).ToList());

        Assert.Equal("A TextToImagePipeline cannot be used from within its own reports; use it when they have returned.", error.Message);
    }

    [Fact]
    public void After_its_end_a_pipeline_says_that_it_is_disposed()
    {
        var begun = _pipeline.Generate(_request with { Seeds = [1, 2] }).GetEnumerator();
        Assert.True(begun.MoveNext());
        _pipeline.Dispose();
        _pipeline.Dispose();

        Assert.Throws<ObjectDisposedException>(() => begun.MoveNext());
        Assert.Throws<ObjectDisposedException>(() => _pipeline.Generate(_request));
        Assert.Throws<ObjectDisposedException>(() => _pipeline.GenerateAsync(_request));
        Assert.Throws<ObjectDisposedException>(() => _pipeline.GenerateTogether([_request, _request]));
        Assert.Throws<ObjectDisposedException>(() => _pipeline.CanPaintTogether(_request, _request));
    }

    [Fact]
    public async Task Its_end_waits_for_the_stage_in_the_works()
    {
        using var begun = new ManualResetEventSlim();
        // Enough pictures for a busy machine not to paint them all before the next line is run.
        IReadOnlyList<long> seeds = [.. Enumerable.Range(1, 500).Select(seed => (long)seed)];
        var painting = Task.Run(() => _pipeline.Generate(_request with { Seeds = seeds }, new Listener(_ => begun.Set())).Count(), Cancellation);
        begun.Wait(Cancellation);

        _pipeline.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => painting);
    }

    [Fact]
    public void A_scheduler_of_the_callers_own_is_asked_for_each_picture_and_steps_as_it_likes()
    {
        var built = new List<SchedulerRun>();
        var request = _request with
        {
            Scheduler = null,
            Seeds = [7, 8],
            SchedulerFactory = run =>
            {
                built.Add(run);
                return _pipeline.Folder.CreateScheduler("euler_a", run);
            },
        };

        Assert.Equal(_pipeline.Generate(_request with { Seeds = [7, 8] }).Select(Values), _pipeline.Generate(request).Select(Values));
        Assert.Equal([3, 3], built.Select(run => run.Steps));
        Assert.Equal("custom", _pipeline.Generate(request).First().Parameters.Sampler);
    }

    [Fact]
    public void Requests_that_are_compared_before_they_are_painted_are_planned_once()
    {
        var built = 0;
        IScheduler Build(SchedulerRun run)
        {
            built++;
            return _pipeline.Folder.CreateScheduler("ddim", run);
        }

        ImageRequest[] requests =
            [.. from seed in (long[])[1, 2, 3] select _request with { Scheduler = null, SchedulerFactory = Build, Seeds = [seed] }];
        Assert.True(_pipeline.CanPaintTogether(requests[0], requests[1]));
        Assert.True(_pipeline.CanPaintTogether(requests[0], requests[2]));

        Assert.Equal(3, _pipeline.GenerateTogether(requests).Count());

        // One for each plan, to see whether it can be done, and one for the three together.
        Assert.Equal(4, built);
    }

    [Fact]
    public void A_scheduler_is_asked_for_by_name_or_given_but_not_both()
    {
        var error = Assert.Throws<RequestException>(() => _pipeline.Generate(
            _request with { SchedulerFactory = run => _pipeline.Folder.CreateScheduler(null, run) }));

        Assert.Equal("SchedulerFactory and Scheduler both say how to sample; give one of them.", error.Message);
    }

    [Fact]
    public void Noise_of_the_callers_own_is_drawn_from_for_each_seed()
    {
        var seeds = new List<long>();
        var request = _request with
        {
            Seeds = [7, 8],
            NoiseFactory = seed =>
            {
                seeds.Add(seed);
                return new TorchRandom(seed);
            },
        };

        Assert.Equal(_pipeline.Generate(_request with { Seeds = [7, 8] }).Select(Values), _pipeline.Generate(request).Select(Values));
        Assert.Equal([7, 8], seeds);
    }

    [Fact]
    public void Steps_seen_from_inside_lead_from_the_noise_to_the_picture()
    {
        var steps = new List<DenoisingStep>();

        var picture = _pipeline.Generate(_request with { ReportsSteps = true }, new Listener(report => steps.Add(report.Step!))).Single();

        Assert.Equal(3, steps.Count);
        Assert.Equal(steps[0].After.Values, steps[1].Before.Values);
        Assert.Equal(picture.Latents.Values, steps[^1].After.Values);
        Assert.True(steps[0].Sigma > steps[^1].Sigma);
        Assert.Equal(picture.Latents.Values, Values(_pipeline.Generate(_request).Single()));
    }

    [Fact]
    public void A_saved_picture_has_its_pixels_and_how_it_was_made()
    {
        using var folder = new TemporaryFolder();
        var picture = _pipeline.Generate(_request).Single();

        picture.Save(folder.PathOf("castle.png"));

        var read = PngReader.Read(folder.PathOf("castle.png"));
        Assert.Equal(picture.Image.Pixels, read.Image.Pixels);
        Assert.Equal(
            picture.Parameters.ToInfotext(), PngReader.ReadTexts(folder.PathOf("castle.png")).Single(text => text.Key == GenerationParameters.Keyword).Value);
        Assert.Throws<RequestException>(() => picture.Save(folder.PathOf("castle.xyz")));
        Assert.Throws<RequestException>(() => picture.Save(folder.PathOf("nowhere/castle.png")));
    }

    [Fact]
    public void Session_options_are_the_callers_last_word()
    {
        var opened = 0;
        using var pipeline = Open(new PipelineOptions
        {
            Device = ExecutionDevice.Cpu,
            SessionOptions = options =>
            {
                Interlocked.Increment(ref opened);
                options.GraphOptimizationLevel = Microsoft.ML.OnnxRuntime.GraphOptimizationLevel.ORT_DISABLE_ALL;
            },
        });

        var picture = pipeline.Generate(_request).Single();

        // Text encoder, UNet and decoder.
        Assert.Equal(3, opened);
        Assert.InRange(Differences.Largest(picture.Latents.Values, Values(_pipeline.Generate(_request).Single())), 0, 1e-3);
    }

    [Fact]
    public void Time_for_a_picture_to_start_from_is_counted_only_where_there_is_one()
    {
        var without = _pipeline.Generate(_request).Single().Timings;
        var with = _pipeline.Generate(_request with { InitImage = Black(64, 64), Strength = 1 }).Single().Timings;

        Assert.Equal(TimeSpan.Zero, without.ImageEncoding);
        Assert.NotEqual(TimeSpan.Zero, with.ImageEncoding);
    }

    /// <summary>What is given beside texts and numbers is in the picture's text too, each under a key of its own.</summary>
    [Fact]
    public void Everything_that_shaped_a_picture_is_in_its_text()
    {
        using var large = TextToImagePipeline.Load(Goldens.PathOf("models", "sdxl"), new PipelineOptions { Device = ExecutionDevice.Cpu });
        var request = _request with
        {
            Prompt2 = "in ink",
            NegativePrompt = "blurry",
            NegativePrompt2 = "pale",
            OriginalSize = (512, 384),
            Crop = (8, 16),
            TargetSize = (256, 128),
            InitImage = Black(32, 64),
            Mask = Black(32, 64, 255),
            Fit = ImageFit.Crop,
            Strength = 0.5,
        };

        var text = large.Generate(request).Single().Parameters.ToInfotext();
        var given = _pipeline.Generate(_request with { Latents = new Latents(new float[4 * 8 * 8], 1, 4, 8, 8) }).Single().Parameters.ToInfotext();

        Assert.All(
            [
                "Negative prompt: blurry", "Prompt 2: in ink", "Negative prompt 2: pale", "Original size: 512x384", "Crop: \"8,16\"",
                "Target size: 256x128", "Mask: given", "Resize mode: Crop", "Denoising strength: 0.5",
            ],
            part => Assert.Contains(part, text, StringComparison.Ordinal));
        Assert.DoesNotContain("Latents: given", text, StringComparison.Ordinal);
        Assert.Contains("Latents: given", given, StringComparison.Ordinal);
    }

    /// <summary>A clip skip opens the text encoder anew; where that fails, the pipeline is as it was and not half closed.</summary>
    [Fact]
    public void A_network_that_cannot_be_opened_anew_leaves_the_pipeline_as_it_was()
    {
        var request = _request with { Seeds = [7, 8] }; // for several seeds the encoder stays open
        using var folder = new TemporaryFolder();
        folder.Fill(Goldens.PathOf("models", "sd1"));
        using var pipeline = TextToImagePipeline.Load(folder.Path, new PipelineOptions { Device = ExecutionDevice.Cpu });
        _ = pipeline.Generate(request).ToList();
        var network = folder.PathOf("text_encoder/model.onnx");
        var whole = File.ReadAllBytes(network);

        File.WriteAllBytes(network, [1, 2, 3]);
        Assert.Throws<ModelException>(() => pipeline.Generate(request with { ClipSkip = 2 }).ToList());
        var other = request with { Prompt = "a stone castle" }; // a text that was not encoded before
        Assert.Equal(_pipeline.Generate(other).Select(Values), pipeline.Generate(other).Select(Values));
        File.WriteAllBytes(network, whole);

        Assert.Equal(
            _pipeline.Generate(request with { ClipSkip = 2 }).Select(Values),
            pipeline.Generate(request with { ClipSkip = 2 }).Select(Values));
    }

    private static TextToImagePipeline Open(PipelineOptions? options = null) =>
        TextToImagePipeline.Load(Goldens.PathOf("models", "sd1"), options ?? new PipelineOptions { Device = ExecutionDevice.Cpu });

    private static RgbImage Black(int width, int height, byte value = 0) =>
        new(width, height, Enumerable.Repeat(value, width * height * 3).ToArray());

    private static float[] Values(GeneratedImage picture) => picture.Latents.Values;

    private sealed class Listener(Action<GenerationProgress> report) : IProgress<GenerationProgress>
    {
        public void Report(GenerationProgress value) => report(value);
    }
}
