using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;

namespace StableDiffusion.Tests;

public class SchedulerTableTests
{
    [Fact]
    public void The_table_holds_the_eighteen_schedulers()
    {
        string[] expected =
        [
            "pndm", "ddim", "ddpm", "euler", "euler_a", "lms", "heun", "dpm2", "dpm2_a", "dpmpp_2m", "dpmpp_2m_sde", "dpmpp_2s", "unipc",
            "deis", "lcm", "tcd", "ipndm", "flow",
        ];

        Assert.Equal(expected.Order(), SchedulerTable.Names.Order());
        Assert.All(SchedulerTable.Entries, entry => Assert.True(SchedulerParameters.ByClass.ContainsKey(entry.DiffusersClass)));
    }

    [Theory]
    [InlineData("Euler a", "euler_a", null)]
    [InlineData("EULER-A", "euler_a", null)]
    [InlineData("k_euler_ancestral", "euler_a", null)]
    [InlineData("EulerAncestralDiscreteScheduler", "euler_a", null)]
    [InlineData("PLMS", "pndm", null)]
    [InlineData("DPM++ 2M", "dpmpp_2m", null)]
    [InlineData("dpm++2m", "dpmpp_2m", null)]
    [InlineData("dpmpp", "dpmpp_2m", null)]
    [InlineData("DPM++ 2M SDE", "dpmpp_2m_sde", null)]
    [InlineData("DPMSolverMultistepScheduler", "dpmpp_2m", null)]
    [InlineData("DPM2 a", "dpm2_a", null)]
    [InlineData("uni_pc", "unipc", null)]
    [InlineData("DPM++ 2M Karras", "dpmpp_2m", "use_karras_sigmas")]
    [InlineData("DPM++ 2M SDE Exponential", "dpmpp_2m_sde", "use_exponential_sigmas")]
    [InlineData("Euler SGM Uniform", "euler", "timestep_spacing")]
    [InlineData("dpmpp_2m_k", "dpmpp_2m", "use_karras_sigmas")]
    [InlineData("Heun Beta", "heun", "use_beta_sigmas")]
    public void A_scheduler_answers_to_the_names_that_others_use(string text, string name, string? key)
    {
        Assert.True(SchedulerTable.TryResolve(text, out var choice));
        Assert.Equal(name, choice.Entry.Name);
        Assert.Equal(key, choice.Key);
    }

    // LCMScheduler.set_timesteps(4, strength=0.5) of diffusers 0.39: range(1, int(50 · 0.5) + 1) · 20 − 1, backwards, at floor(linspace(0, 25, 4, endpoint=False)).
    [Theory]
    [InlineData("lcm")]
    [InlineData("tcd")]
    public void A_consistency_model_takes_all_its_steps_within_the_strength_where_its_pipeline_does(string name)
    {
        var config = ModelFolder.Open(Goldens.PathOf("models", "lcm")).Scheduler;
        var run = new SchedulerRun { Steps = 4, Strength = 0.5, StepsWithinStrength = true };

        Assert.Equal([499f, 379f, 259f, 139f], SchedulerTable.Create(config, name, run).Timesteps);
        Assert.Equal([499f, 259f], SchedulerTable.Create(config, name, run with { StepsWithinStrength = false }).Timesteps);
        var error = Assert.Throws<RequestException>(() => SchedulerTable.Create(config, name, run with { Strength = 0.05 }));
        Assert.Contains("a strength of at least 0.08", error.Message, StringComparison.Ordinal);
        Assert.Equal(4, SchedulerTable.Create(config, name, run with { Strength = 0.08 }).Timesteps.Count);
    }

    [Theory]
    [InlineData("flow", "sd3", 1e-17)]
    [InlineData("flow", "flux-dev", 1e-17)]
    public void A_flow_model_refuses_a_strength_that_leaves_no_step(string name, string model, double strength)
    {
        var config = ModelFolder.Open(FamilyGoldens.PathOf("models", model)).Scheduler;
        var run = new SchedulerRun { Steps = 2, Strength = strength, Mu = 1 };

        Assert.Contains("leaves none of 2 steps", Assert.Throws<RequestException>(() => SchedulerTable.Create(config, name, run)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_name_in_the_table_finds_its_own_row_and_no_other()
    {
        foreach (var entry in SchedulerTable.Entries)
        {
            foreach (var name in entry.Aliases.Append(entry.Name).Append(entry.WebUiName))
            {
                Assert.True(SchedulerTable.TryResolve(name, out var choice), name);
                Assert.Equal((entry.Name, null), (choice.Entry.Name, choice.Key));
            }
        }
    }

    [Fact]
    public void Case_spaces_underscores_and_hyphens_in_a_name_do_not_matter()
    {
        var names = SchedulerTable.Entries.SelectMany(entry => entry.Aliases.Append(entry.Name).Append(entry.WebUiName)).ToArray();
        var written =
            from name in Gen.Elements(names)
            from gaps in Gen.Elements("", " ", "_", "-", "- ").ListOf(8)
            from upper in Gen.Elements(true, false).ListOf(8)
            select (name, text: string.Concat(name.Select((c, i) => gaps[i % 8] + (upper[i % 8] ? char.ToUpperInvariant(c) : c))));

        Prop.ForAll(
            written.ToArbitrary(),
            pair => SchedulerTable.TryResolve(pair.name, out var plain) && SchedulerTable.TryResolve(pair.text, out var other) && other == plain)
            .QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("")]
    [InlineData("karras")]
    [InlineData("euler b")]
    [InlineData("DPM adaptive")]
    public void A_name_that_nobody_uses_is_refused_with_the_list(string name)
    {
        Assert.False(SchedulerTable.TryResolve(name, out _));
        Assert.Contains("dpmpp_2m_sde", Refusal("DDIMScheduler", name), StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_with_Karras_is_the_scheduler_with_the_parameter_set()
    {
        var config = Config("DDIMScheduler");
        var run = new SchedulerRun { Steps = 7 };

        var named = SchedulerTable.Create(config, "DPM++ 2M Karras", run).Timesteps;
        var set = SchedulerTable.Create(config.With("use_karras_sigmas", true), "dpmpp_2m", run).Timesteps;

        Assert.Equal(set, named);
        Assert.NotEqual(SchedulerTable.Create(config, "dpmpp_2m", run).Timesteps, named);
    }

    [Fact]
    public void The_stochastic_form_of_a_model_s_own_multistep_solver_is_kept()
    {
        var config = Config("DPMSolverMultistepScheduler", ("algorithm_type", "sde-dpmsolver++"));

        Assert.True(DrawsNoise(SchedulerTable.Create(config, null, new SchedulerRun { Steps = 4 })));
        Assert.False(DrawsNoise(SchedulerTable.Create(config, "dpmpp_2m", new SchedulerRun { Steps = 4 })));
        Assert.True(DrawsNoise(SchedulerTable.Create(Config("DPMSolverMultistepScheduler"), "dpmpp_2m_sde", new SchedulerRun { Steps = 4 })));
    }

    [Theory]
    [InlineData("ddim", "rescale_betas_zero_snr", true, "timestep_spacing", "trailing")]
    [InlineData("lcm", "rescale_betas_zero_snr", true, "prediction_type", "epsilon")]
    [InlineData("pndm", "prediction_type", "sample")]
    [InlineData("euler_a", "prediction_type", "sample")]
    [InlineData("dpm2", "prediction_type", "sample")]
    [InlineData("dpm2_a", "prediction_type", "sample")]
    [InlineData("ddim", "prediction_type", "flow_prediction")]
    [InlineData("euler_a", "use_karras_sigmas", true)]
    [InlineData("euler", "use_karras_sigmas", true, "use_beta_sigmas", true)]
    [InlineData("ddpm", "variance_type", "learned_range")]
    [InlineData("ddpm", "variance_type", "fixed_large_log")]
    [InlineData("ddim", "beta_schedule", "exp")]
    [InlineData("dpmpp_2m", "variance_type", "learned")]
    [InlineData("dpmpp_2m", "algorithm_type", "dpmsolver")]
    [InlineData("dpmpp_2m", "solver_order", 4)]
    [InlineData("dpmpp_2m", "use_karras_sigmas", true, "use_lu_lambdas", true)]
    [InlineData("dpmpp_2m", "use_flow_sigmas", true, "prediction_type", "epsilon")]
    [InlineData("dpmpp_2s", "algorithm_type", "sde-dpmsolver")]
    [InlineData("unipc", "predict_x0", false)]
    [InlineData("unipc", "lower_order_final", false)]
    [InlineData("tcd", "clip_sample", true)]
    [InlineData("lcm", "original_inference_steps", 4)]
    [InlineData("ddim", "num_train_timesteps", 1)]
    [InlineData("ddim", "beta_start", -1.0)]
    [InlineData("ddim", "trained_betas", new[] { 0.1, 0.2 })]
    [InlineData("ddim", "steps_offset", -1)]
    [InlineData("ddim", "steps_offset", 900)]
    [InlineData("euler", "use_karras_sigmas", true, "sigma_min", 0.0)]
    [InlineData("ipndm", "trained_betas", new[] { 0.1, 0.2 })]
    [InlineData("flow", "use_dynamic_shifting", true)]
    [InlineData("flow", "stochastic_sampling", true)]
    public void What_cannot_work_is_refused_in_one_line(string name, params object[] settings)
    {
        var config = Config("DDIMScheduler");
        for (var i = 0; i < settings.Length; i += 2)
        {
            config = config.With((string)settings[i], JsonSerializer.SerializeToNode(settings[i + 1]));
        }

        var refusal = Assert.Throws<RequestException>(() => SchedulerTable.Create(config, name, new SchedulerRun { Steps = 6 }));
        Assert.DoesNotContain('\n', refusal.Message);
        Assert.EndsWith(".", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_noise_predicting_model_may_have_zero_terminal_snr_where_it_never_starts_there()
    {
        var config = Config("DDIMScheduler", ("rescale_betas_zero_snr", true), ("steps_offset", 1));

        Assert.NotEmpty(SchedulerTable.Create(config, null, new SchedulerRun { Steps = 6 }).Timesteps);
    }

    [Fact]
    public void A_run_that_has_no_meaning_is_refused()
    {
        var config = Config("DDIMScheduler");
        SchedulerRun[] runs =
        [
            new() { Steps = 0 },
            new() { Steps = 1001 },
            new() { Steps = 5, Strength = 0 },
            new() { Steps = 5, Strength = 1.1 },
            new() { Steps = 5, Strength = 0.1 },
            new() { Steps = 5, Strength = double.NaN },
            new() { Steps = 5, Images = 0 },
            new() { Steps = 5, Eta = -1 },
        ];

        Assert.All(runs, run => Assert.Throws<RequestException>(() => SchedulerTable.Create(config, null, run)));
        Assert.Throws<RequestException>(() => SchedulerTable.Create(config, "euler", new SchedulerRun { Steps = 5, Eta = 1 }));
        Assert.Throws<RequestException>(() => SchedulerTable.Create(config, "ipndm", new SchedulerRun { Steps = 5, Strength = 0.5 }));
    }

    [Fact]
    public void Trailing_never_visits_a_step_below_zero()
    {
        // numpy: len(np.arange(1000, 0, -1000 / 61)) is 62.
        var scheduler = SchedulerTable.Create(Config("DDIMScheduler", ("timestep_spacing", "trailing")), null, new SchedulerRun { Steps = 61 });

        Assert.Equal(61, scheduler.Timesteps.Count);
        Assert.True(scheduler.Timesteps[^1] >= 0);
    }

    // Each of these was an unhandled exception or a run that ended in NaN.
    [Theory]
    [InlineData("ipndm", 2147483647, "ask for at most 100000")]
    [InlineData("flow", 2147483647, "ask for at most 100000")]
    [InlineData("lcm", 100_001, "ask for at most 100000")]
    [InlineData("dpmpp_2m", 999, "timestep_spacing leading and steps_offset 1 go past the model's last training step 999")]
    [InlineData("unipc", 999, "timestep_spacing leading and steps_offset 1 go past the model's last training step 999")]
    [InlineData("deis", 999, "timestep_spacing leading and steps_offset 1 go past the model's last training step 999")]
    public void More_steps_than_can_be_placed_are_refused(string name, int steps, string words)
    {
        var config = Config("DDIMScheduler", ("steps_offset", 1), ("timestep_spacing", "leading"));

        var refusal = Assert.Throws<RequestException>(() => SchedulerTable.Create(config, name, new SchedulerRun { Steps = steps }));
        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void As_many_steps_as_can_be_placed_are_run()
    {
        var config = Config("DDIMScheduler", ("steps_offset", 0), ("timestep_spacing", "leading"));

        Assert.Equal(999f, SchedulerTable.Create(config, "dpmpp_2m", new SchedulerRun { Steps = 999 }).Timesteps[0]);
    }

    [Theory]
    [InlineData("dynamic_thresholding_ratio", 2.0, "from 0 to 1")]
    [InlineData("dynamic_thresholding_ratio", -1.0, "from 0 to 1")]
    [InlineData("sample_max_value", 0.0, "above 0")]
    [InlineData("clip_sample_range", -1.0, "above 0")]
    [InlineData("steps_offset", 2147483647, "from -1000000 to 1000000")]
    [InlineData("num_train_timesteps", 2147483647, "from 1 to 1000000")]
    [InlineData("num_train_timesteps", 0, "from 1 to 1000000")]
    [InlineData("shift_terminal", 1.0, "from 0 to 0.999999")]
    [InlineData("flow_shift", 0.0, "above 0")]
    [InlineData("beta_start", double.PositiveInfinity, "a number")]
    public void A_number_out_of_its_range_is_refused_with_the_range(string key, object value, string words)
    {
        var node = value is double.PositiveInfinity ? JsonValue.Create("Infinity") : JsonSerializer.SerializeToNode(value);

        var refusal = Assert.Throws<RequestException>(() => Config("DDIMScheduler").With(key, node));
        Assert.Contains($"\"{key}\"", refusal.Message, StringComparison.Ordinal);
        Assert.EndsWith($"{words}.", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Thresholding_at_the_ends_of_its_range_gives_finite_numbers()
    {
        foreach (var ratio in (double[])[0, 1])
        {
            var config = Config("DDIMScheduler", ("thresholding", true), ("dynamic_thresholding_ratio", ratio));
            var latents = Enumerable.Range(0, 16).Select(i => (float)i).ToArray();
            SchedulerTable.Create(config, null, new SchedulerRun { Steps = 4 }).Step(0, new float[16], latents, new OneNoise());
            Assert.All(latents, value => Assert.True(float.IsFinite(value)));
        }
    }

    [Fact]
    public void Too_many_original_steps_are_named_as_such()
    {
        var refusal = Assert.Throws<RequestException>(() => SchedulerTable.Create(
            Config("LCMScheduler", ("original_inference_steps", 2000)), null, new SchedulerRun { Steps = 4 }));
        Assert.Equal("original_inference_steps is 2000, but the model was trained with 1000 steps; set it from 1 to 1000.", refusal.Message);
    }

    [Fact]
    public void Words_of_Python_are_read_where_settings_are_copied_from_it()
    {
        var config = Config("DPMSolverMultistepScheduler").With("use_karras_sigmas", "True").With("lower_order_final", "False").With("trained_betas", "None");

        Assert.True(config.Flag("use_karras_sigmas"));
        Assert.False(config.Flag("lower_order_final"));
        Assert.Null(config.Reals("trained_betas"));
    }

    private static string Refusal(string className, string name) =>
        Assert.Throws<RequestException>(() => SchedulerTable.Create(Config(className), name, new SchedulerRun { Steps = 5 })).Message;

    private static bool DrawsNoise(IScheduler scheduler)
    {
        var latents = new float[16];
        var noise = new OneNoise();
        scheduler.Step(0, new float[16], latents, noise);
        return noise.Drawn;
    }

    private static SchedulerConfig Config(string className, params (string Key, JsonNode Value)[] settings)
    {
        var json = new JsonObject { ["_class_name"] = className, ["beta_start"] = 0.00085, ["beta_end"] = 0.012, ["beta_schedule"] = "scaled_linear" };
        foreach (var (key, value) in settings)
        {
            json[key] = value;
        }

        return SchedulerConfig.Parse(JsonSerializer.SerializeToElement(json));
    }

    private sealed class OneNoise : INoiseSource
    {
        public bool Drawn { get; private set; }

        public void Draw(Span<float> noise)
        {
            Drawn = true;
            noise.Fill(1);
        }
    }
}
