using System.Text.Json;

namespace StableDiffusion.Tests;

/// <summary>The loop alone, over a network whose answers can be worked out by hand.</summary>
public sealed class DenoiserTests : IDisposable
{
    private readonly FakeNetwork _network = new();

    [Fact]
    public void Every_step_takes_what_the_network_said_of_what_it_was_shown()
    {
        var latents = Start(2, 4);

        Denoise(latents, new HalvingScheduler(3), [FakeNetwork.Told(0.5f)], null, Unguided);

        // Each step: x − 0.5·x (HalvingScheduler takes the output away), three times.
        Assert.Equal([0.25f, 0.5f], latents.Values);
        Assert.Equal([(0, 3, 30f), (1, 3, 20f), (2, 3, 10f)], _network.Calls.Select(asked => (asked.Call.Index, asked.Call.Count, asked.Call.Timestep)));
    }

    [Fact]
    public void Guidance_asks_for_both_texts_in_one_call_and_leads_from_one_to_the_other()
    {
        var latents = Start(1);

        Denoise(latents, new HalvingScheduler(1), [FakeNetwork.Told(0.5f)], [FakeNetwork.Told(0.25f)], new Guidance(3, 0, 0, 1));

        // 0.25 + 3·(0.5 − 0.25) = 1, and 1 − 1 = 0.
        Assert.Equal([0f], latents.Values);
        Assert.Equal([2], _network.Calls.Select(asked => asked.Rows));
    }

    [Fact]
    public void What_a_picture_is_led_away_from_goes_through_the_network_in_the_same_call()
    {
        var told = FakeNetwork.Told(0.5f);
        var request = new ImageRequest { Prompt = "a glass castle" };
        var plan = GenerationPlan.Of(request, ModelFolder.Open(Goldens.PathOf("models", "sd1")));
        var group = new PaintingGroup([new Painting(plan, 1)], [new GuidedConditioning(told, FakeNetwork.Told(0.25f))]);
        var run = DenoisingRun.Of(group, new HalvingScheduler(1), null);

        Denoiser.Denoise(_network, Start(1), run, (_, _) => { }, TestContext.Current.CancellationToken);

        Assert.Equal([2], _network.Calls.Select(asked => asked.Rows));
    }

    [Fact]
    public void Texts_of_two_lengths_are_asked_for_in_two_calls_and_guide_alike()
    {
        var latents = Start(1);

        Denoise(latents, new HalvingScheduler(1), [FakeNetwork.Told(0.5f)], [FakeNetwork.Told(0.25f, length: 2)], new Guidance(3, 0, 0, 1));

        Assert.Equal([0f], latents.Values);
        Assert.Equal([1, 1], _network.Calls.Select(asked => asked.Rows));
        Assert.Equal([0, 0], _network.Calls.Select(asked => asked.Call.Index));
    }

    [Fact]
    public void Outside_the_range_of_guidance_only_the_prompt_is_asked_for()
    {
        Denoise(Start(1), new HalvingScheduler(4), [FakeNetwork.Told(0.5f)], [FakeNetwork.Told(0.25f)], new Guidance(3, 0, 0.25, 0.75));

        Assert.Equal([1, 2, 2, 1], _network.Calls.Select(asked => asked.Rows));
    }

    [Fact]
    public void A_scale_of_1_asks_for_the_prompt_alone_whatever_the_negative_one_is()
    {
        Denoise(Start(1), new HalvingScheduler(3), [FakeNetwork.Told(0.5f)], [FakeNetwork.Told(0.25f)], Unguided);

        Assert.Equal([1, 1, 1], _network.Calls.Select(asked => asked.Rows));
    }

    [Fact]
    public void Between_the_steps_that_ask_for_both_texts_the_last_difference_guides()
    {
        var latents = Start(1);

        Denoise(latents, new HalvingScheduler(4), [FakeNetwork.Told(0.5f)], [FakeNetwork.Told(0.25f)], new Guidance(2, 0, 0, 1, Every: 2));

        // The network says x/2 and x/4, guided x/4 + 2·(x/2 − x/4) = 3x/4: 1 becomes 1/4, and the difference is 1/4.
        // Guided by it 1/8 + (2 − 1)·1/4 = 3/8: −1/8. Again by both, 3x/4: −1/32, and the difference is −1/32.
        // At last −1/64 − 1/32 = −3/64: 1/64.
        Assert.Equal([1f / 64], latents.Values);
        Assert.Equal([0, 0, 1, 2, 2, 3], _network.Calls.Select(asked => asked.Call.Index));
    }

    [Fact]
    public void Guidance_that_begins_later_is_taken_from_its_first_step()
    {
        Denoise(Start(1), new HalvingScheduler(4), [FakeNetwork.Told(0.5f)], [FakeNetwork.Told(0.25f)], new Guidance(2, 0, 0.25, 1, Every: 3));

        Assert.Equal([0, 1, 1, 2, 3, 3], _network.Calls.Select(asked => asked.Call.Index));
    }

    /// <summary>PNDM takes its first step twice, or the first three in four calls each; Heun and DPM2 each step but the last in two.</summary>
    [Theory]
    [InlineData("euler", true, 0, 1, 2, 3, 4)]
    [InlineData("heun", true, 0, 0, 1, 1, 2, 2, 3, 3, 4)]
    [InlineData("dpm2", true, 0, 0, 1, 1, 2, 2, 3, 3, 4)]
    [InlineData("pndm", true, 0, 0, 1, 2, 3, 4)]
    [InlineData("pndm", false, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 4)]
    public void Every_call_knows_its_step(string name, bool skipsRungeKutta, params int[] steps)
    {
        var json = JsonSerializer.SerializeToElement(new { _class_name = "PNDMScheduler", beta_schedule = "scaled_linear", beta_start = 0.00085, beta_end = 0.012, skip_prk_steps = skipsRungeKutta });
        var scheduler = SchedulerTable.Create(SchedulerConfig.Parse(json), name, new SchedulerRun { Steps = 5 });

        Assert.Equal(steps, Enumerable.Range(0, scheduler.Timesteps.Count).Select(scheduler.StepOf));
    }

    [Fact]
    public void Numbers_that_are_not_finite_stop_the_run_at_their_call()
    {
        var error = Assert.Throws<ModelException>(
            () => Denoise(Start(1), new HalvingScheduler(4), [FakeNetwork.Told(float.NaN)], null, Unguided));

        Assert.StartsWith("fake at call 1 of 4 (time step 40) gave numbers that are not finite", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, _network.Open);
    }

    [Fact]
    public void Nothing_stays_open_after_a_run()
    {
        Denoise(Start(1), new HalvingScheduler(4), [FakeNetwork.Told(0.5f)], [FakeNetwork.Told(0.25f, length: 2)], new Guidance(3, 0, 0.25, 0.75));

        Assert.Equal(0, _network.Open);
    }

    [Fact]
    public void Steps_are_shown_from_inside_only_where_that_is_asked_for()
    {
        var steps = new List<DenoisingStep?>();

        Denoise(Start(1), new HalvingScheduler(2), [FakeNetwork.Told(0.5f)], null, Unguided, watched: null, steps);

        Assert.Equal([null, null], steps);
    }

    [Fact]
    public void A_watched_step_holds_what_was_before_what_was_said_and_what_came_of_it()
    {
        var steps = new List<DenoisingStep?>();

        Denoise(Start(1), new HalvingScheduler(2), [FakeNetwork.Told(0.5f)], null, Unguided, PredictionType.Epsilon, steps);

        // x = α·x₀ + σ·ε with α = 1 and σ = 2 (HalvingScheduler): x₀ = 1 − 2·0.5 = 0, then 0.5 − 2·0.25 = 0.
        Assert.Equal(
            [(20f, 1f, 2f, 1f, 0.5f, 0f, 0.5f), (10f, 1f, 2f, 0.5f, 0.25f, 0f, 0.25f)],
            steps.Select(step => (
                step!.Timestep, step.Alpha, step.Sigma, step.Before.Values[0], step.Prediction.Values[0], step.PredictedClean.Values[0], step.After.Values[0])));
    }

    /// <summary>
    /// Where the network tells the truth about the noise (or v, or the picture), what is predicted is the picture: shown for every
    /// scheduler, from latents that its own forward diffusion made.
    /// </summary>
    [Theory]
    [InlineData("ddim", "epsilon")]
    [InlineData("ddim", "v_prediction")]
    [InlineData("ddim", "sample")]
    [InlineData("pndm", "epsilon")]
    [InlineData("euler", "epsilon")]
    [InlineData("euler", "v_prediction")]
    [InlineData("heun", "epsilon")]
    [InlineData("dpm2", "v_prediction")]
    [InlineData("dpmpp_2m", "epsilon")]
    [InlineData("dpmpp_2m", "v_prediction")]
    [InlineData("unipc", "sample")]
    [InlineData("lcm", "v_prediction")]
    public void The_predicted_picture_is_the_picture_where_the_network_is_right(string name, string type)
    {
        var json = JsonSerializer.SerializeToElement(new { _class_name = "DDIMScheduler", beta_schedule = "scaled_linear", beta_start = 0.00085, beta_end = 0.012, prediction_type = type });
        var config = SchedulerConfig.Parse(json);
        var scheduler = SchedulerTable.Create(config, name, new SchedulerRun { Steps = 7 });
        float[] clean = [0.3f, -1.2f];
        float[] noise = [-0.7f, 1.9f];
        for (var call = 0; call < scheduler.Timesteps.Count; call++)
        {
            var noisy = new float[2];
            scheduler.AddNoise(call, clean, noise, noisy);
            var (alpha, sigma) = ((noisy[0] * noise[1]) - (noisy[1] * noise[0]), (noisy[1] * clean[0]) - (noisy[0] * clean[1]));
            var root = MathF.Sqrt((alpha * alpha) + (sigma * sigma));
            var said = type switch
            {
                "epsilon" => noise,
                "sample" => clean,
                _ => [.. clean.Select((x, i) => ((alpha * noise[i]) - (sigma * x)) / root * Math.Sign((clean[0] * noise[1]) - (clean[1] * noise[0])))],
            };

            var step = DenoisingStep.Of(
                call, scheduler, Prediction.Of(config, PredictionType.Epsilon, PredictionType.Sample, PredictionType.V), new Latents(noisy, 1, 1, 1, 2), said);

            Assert.InRange(Differences.Largest(step.PredictedClean.Values, clean), 0, 2e-3);
        }
    }

    public void Dispose() => _network.Dispose();

    private static Guidance Unguided => new(1, 0, 0, 1);

    private static Latents Start(params float[] values) => new(values, 1, 1, 1, values.Length);

    private void Denoise(
        Latents latents,
        IScheduler scheduler,
        IReadOnlyList<Conditioning> positive,
        IReadOnlyList<Conditioning>? negative,
        Guidance guidance,
        PredictionType? watched = null,
        List<DenoisingStep?>? steps = null)
    {
        var run = new DenoisingRun
        {
            Scheduler = scheduler,
            Guidance = guidance,
            Positive = positive,
            Negative = negative,
            Noise = new TorchRandom(1),
            Watched = watched,
        };
        Denoiser.Denoise(_network, latents, run, (_, step) => steps?.Add(step), TestContext.Current.CancellationToken);
    }

    /// <summary>Takes away what the network says; its noise level is 2 throughout.</summary>
    private sealed class HalvingScheduler(int steps) : IScheduler
    {
        public IReadOnlyList<float> Timesteps { get; } = [.. Enumerable.Range(1, steps).Reverse().Select(step => step * 10f)];

        public float InitialNoiseSigma => 1;

        public void ScaleInput(int call, ReadOnlySpan<float> latents, Span<float> input) => latents.CopyTo(input);

        public void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise)
        {
            for (var i = 0; i < latents.Length; i++)
            {
                latents[i] -= output[i];
            }
        }

        public void AddNoise(int call, ReadOnlySpan<float> clean, ReadOnlySpan<float> noise, Span<float> noisy)
        {
            for (var i = 0; i < noisy.Length; i++)
            {
                noisy[i] = clean[i] + (2 * noise[i]);
            }
        }
    }
}
