using System.Text.Json;
using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary>What must hold for every row of the table, whatever diffusers does.</summary>
public class SchedulerPropertyTests
{
    private const int Size = 64;

    private static readonly string[] _random = ["ddpm", "euler_a", "dpm2_a", "dpmpp_2m_sde", "lcm", "tcd"];

    public static TheoryData<string> Names() => [.. SchedulerTable.Names];

    public static TheoryData<string> NamesThatAddNoise() => [.. SchedulerTable.Names.Except(["ipndm"])];

    public static TheoryData<string, string> NamesAndModels() =>
        new(from name in SchedulerTable.Names
            from folder in Directory.GetDirectories(Goldens.PathOf("models")).Append(Path.Combine(Repository.Root, "models", "emoji-256")).Order()
            select (name, Path.GetFileName(folder)));

    [Theory]
    [MemberData(nameof(Names))]
    public void Two_runs_with_one_seed_end_alike(string name)
    {
        var first = Run(name, new SchedulerRun { Steps = 8 }, Start(1), new TorchRandom(7));
        var second = Run(name, new SchedulerRun { Steps = 8 }, Start(1), new TorchRandom(7));

        Assert.Equal(first, second);
        Assert.All(first, value => Assert.True(float.IsFinite(value)));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_fewest_and_many_steps_give_finite_latents(string name)
    {
        foreach (var steps in new[] { 1, 2, 3, 47 })
        {
            Assert.All(Run(name, new SchedulerRun { Steps = steps }, Start(1), new TorchRandom(7)), value => Assert.True(float.IsFinite(value)));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Only_the_methods_known_for_it_draw_noise(string name)
    {
        var noise = new CountingNoise();
        Run(name, new SchedulerRun { Steps = 8 }, Start(1), noise);

        Assert.Equal(_random.Contains(name), noise.Draws > 0);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Three_images_at_once_are_three_images_one_by_one(string name)
    {
        var thresholding = SchedulerTable.Entries.Single(entry => entry.Name == name).DiffusersClass is var diffusersClass
            && SchedulerParameters.ByClass[diffusersClass].ContainsKey("thresholding");
        (string, JsonNode)[] settings = thresholding ? [("thresholding", true), ("sample_max_value", 1.5)] : [];

        var together = Run(name, new SchedulerRun { Steps = 8, Images = 3 }, Start(3), new CountingNoise(), settings);

        for (var image = 0; image < 3; image++)
        {
            var alone = Run(name, new SchedulerRun { Steps = 8 }, Start(3).AsSpan(image * Size, Size).ToArray(), new CountingNoise(), settings, image);
            Assert.Equal(alone, together[(image * Size)..((image + 1) * Size)]);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Scaling_and_adding_noise_may_be_done_in_place(string name)
    {
        var scheduler = SchedulerTable.Create(Config(), name, new SchedulerRun { Steps = 6 });
        var (latents, noise, apart) = (Start(1), Start(2)[Size..], new float[Size]);

        scheduler.ScaleInput(1, latents, apart);
        var inPlace = latents.ToArray();
        scheduler.ScaleInput(1, inPlace, inPlace);
        Assert.Equal(apart, inPlace);

        if (name != "ipndm")
        {
            scheduler.AddNoise(1, latents, noise, apart);
            inPlace = latents.ToArray();
            scheduler.AddNoise(1, inPlace, noise, inPlace);
            Assert.Equal(apart, inPlace);
            scheduler.AddNoise(1, latents, noise, noise);
            Assert.Equal(apart, noise);
        }
    }

    [Theory]
    [MemberData(nameof(NamesThatAddNoise))]
    public void Adding_no_noise_only_scales_the_picture(string name)
    {
        var scheduler = SchedulerTable.Create(Config(), name, new SchedulerRun { Steps = 10, Strength = 0.5 });
        var clean = Start(1);
        var noisy = new float[Size];
        scheduler.AddNoise(0, clean, new float[Size], noisy);

        var share = noisy[1] / clean[1];
        Assert.InRange(share, 0.01f, 1);
        Assert.All(Enumerable.Range(0, Size), i => Assert.Equal(share * clean[i], noisy[i], 1e-5f));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Time_runs_down_and_a_lower_strength_runs_the_end_of_it(string name)
    {
        var whole = SchedulerTable.Create(Config(), name, new SchedulerRun { Steps = 12 }).Timesteps;

        Assert.Equal(whole.OrderDescending(), whole);
        if (name != "ipndm")
        {
            var half = SchedulerTable.Create(Config(), name, new SchedulerRun { Steps = 12, Strength = 0.5 }).Timesteps;
            Assert.Equal(whole.Skip(whole.Count - half.Count), half);
            Assert.InRange(half.Count, 6, 12);
        }
    }

    [Theory]
    [InlineData("ddim", 1.0, true)]
    [InlineData("ddim", 0.0, false)]
    [InlineData("tcd", 0.0, false)]
    public void Eta_decides_whether_noise_is_drawn(string name, double eta, bool draws)
    {
        var noise = new CountingNoise();
        var latents = Run(name, new SchedulerRun { Steps = 8, Eta = eta }, Start(1), noise);

        Assert.Equal(draws, noise.Draws > 0);
        Assert.All(latents, value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void Dynamic_shifting_takes_its_shift_from_the_run()
    {
        var config = Config().With("use_dynamic_shifting", true);
        var exponential = SchedulerTable.Create(config, "flow", new SchedulerRun { Steps = 4, Mu = Math.Log(3) });
        var linear = SchedulerTable.Create(config.With("time_shift_type", "linear"), "flow", new SchedulerRun { Steps = 4, Mu = 3 });

        Assert.Equal(exponential.Timesteps.Select(t => MathF.Round(t, 2)), linear.Timesteps.Select(t => MathF.Round(t, 2)));
        Assert.Equal(1000, exponential.Timesteps[0], 1e-3f);
    }

    // None of these models has settings that rule a scheduler out.
    [Theory]
    [MemberData(nameof(NamesAndModels))]
    public void Every_row_runs_with_every_model(string name, string model)
    {
        var folder = model == "emoji-256" ? Path.Combine(Repository.Root, "models", model) : Goldens.PathOf("models", model);
        var config = SchedulerConfig.Load(Path.Combine(folder, "scheduler", "scheduler_config.json"));

        var scheduler = SchedulerTable.Create(config, name, new SchedulerRun { Steps = 5 });

        // Two calls a step but for the last, PLMS' first step twice, or PNDM's four calls for each of the first three steps.
        Assert.InRange(scheduler.Timesteps.Count, 5, name == "pndm" ? 14 : 9);
    }

    private static SchedulerConfig Config()
    {
        using var document = JsonDocument.Parse(
            """{"_class_name":"PNDMScheduler","beta_start":0.00085,"beta_end":0.012,"beta_schedule":"scaled_linear","skip_prk_steps":true,"steps_offset":1}""");
        return SchedulerConfig.Parse(document.RootElement);
    }

    private static float[] Start(int images) => [.. Enumerable.Range(0, images * Size).Select(i => MathF.Sin(i * i) * (1 + (i / Size)))];

    private static float[] Run(
        string name, SchedulerRun run, float[] start, INoiseSource noise, (string Key, JsonNode Value)[]? settings = null, int image = 0)
    {
        var config = (settings ?? []).Aggregate(Config(), (current, setting) => current.With(setting.Key, setting.Value.DeepClone()));
        var scheduler = SchedulerTable.Create(config, name, run);
        var latents = start.Select(value => value * scheduler.InitialNoiseSigma).ToArray();
        var input = new float[latents.Length];
        for (var call = 0; call < scheduler.Timesteps.Count; call++)
        {
            scheduler.ScaleInput(call, latents, input);
            var k = call;
            float[] output = [.. input.Select((x, i) => MathF.Sin(x + k) + (0.01f * (i + (image * Size))))];
            scheduler.Step(call, output, latents, noise);
        }

        return latents;
    }

    // The same noise for each image, so that images can be compared across batches.
    private sealed class CountingNoise : INoiseSource
    {
        public int Draws { get; private set; }

        public void Draw(Span<float> noise)
        {
            Draws++;
            for (var i = 0; i < noise.Length; i++)
            {
                noise[i] = MathF.Cos((i % Size) + Draws);
            }
        }
    }
}
