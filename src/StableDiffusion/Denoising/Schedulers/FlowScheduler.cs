namespace StableDiffusion;

/// <summary>
/// Euler steps along straight paths x = (1 − σ)·x₀ + σ·ε: Liu et al. (2022), arXiv 2209.03003, with the shift of section 5.3.2 of
/// Esser et al. (2024), arXiv 2403.03206, as <c>FlowMatchEulerDiscreteScheduler</c>.
/// </summary>
internal sealed class FlowScheduler : Scheduler
{
    private readonly float[] _sigmas;

    public FlowScheduler(SchedulerConfig config, SchedulerRun run)
        : this(config, run, Sigmas(config, run))
    {
    }

    private FlowScheduler(SchedulerConfig config, SchedulerRun run, float[] sigmas)
        : base(sigmas.SkipLast(1).Select(sigma => (double)(sigma * config.Whole("num_train_timesteps"))), run)
    {
        _sigmas = sigmas;
        if (config.Flag("stochastic_sampling"))
        {
            throw new RequestException(
                "flow with stochastic_sampling draws noise that no seed controls; set stochastic_sampling to false.");
        }
    }

    public override void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise) =>
        Blend.Add(latents, _sigmas[Begin + call + 1] - _sigmas[Begin + call], output);

    public override void AddNoise(int call, ReadOnlySpan<float> clean, ReadOnlySpan<float> noise, Span<float> noisy)
    {
        var sigma = _sigmas[Begin + call];
        Blend.Write(noisy, 1 - sigma, clean, sigma, noise);
    }

    // The pipelines of flow models round the number of steps left out down, those of diffusion models the number run.
    protected override int BeginOf(SchedulerRun run) => LeftOut(run, run.Steps - (int)Math.Max(run.Steps - Math.Min(run.Steps * run.Strength, run.Steps), 0));

    private static float[] Sigmas(SchedulerConfig config, SchedulerRun run)
    {
        var isDynamic = config.Flag("use_dynamic_shifting");
        if (isDynamic && run.Mu is null)
        {
            throw new RequestException(
                "flow with use_dynamic_shifting needs the shift mu, which is not known here; set use_dynamic_shifting to false.");
        }

        var trained = config.Whole("num_train_timesteps");
        var shift = config.Real("shift");
        double Shifted(double sigma) => shift * sigma / (1 + ((shift - 1) * sigma));

        // The lowest level is shifted twice: once as trained, once more with the run's levels.
        double lowest = isDynamic ? 1f / trained : (float)Shifted(1f / trained);
        double[] sigmas = run.EvenLevels
            ? [.. TimestepSpacing.LinearSpace(1, 1.0 / run.Steps, run.Steps).Select(sigma => (double)(float)sigma)]
            : [.. TimestepSpacing.LinearSpace(trained, lowest * trained, run.Steps).Select(t => t / trained)];
        sigmas = isDynamic ? [.. sigmas.Select(sigma => Dynamic(config, run.Mu!.Value, sigma))] : [.. sigmas.Select(Shifted)];
        if (config.RealOrNull("shift_terminal") is { } terminal && terminal != 0)
        {
            var scale = (1 - sigmas[^1]) / (1 - terminal);
            sigmas = [.. sigmas.Select(sigma => 1 - ((1 - sigma) / scale))];
        }

        sigmas = SigmaSpacing.Of(config, sigmas[0], sigmas[^1], run.Steps) ?? sigmas;
        return config.Flag("invert_sigmas")
            ? [.. sigmas.Select(sigma => 1 - (float)sigma), 1]
            : [.. sigmas.Select(sigma => (float)sigma), 0];
    }

    private static double Dynamic(SchedulerConfig config, double mu, double sigma)
    {
        var factor = config.Text("time_shift_type") == "exponential" ? Math.Exp(mu) : mu;
        return factor / (factor + ((1 / sigma) - 1));
    }
}
