namespace StableDiffusion;

/// <summary>Euler steps: Algorithm 2 of Karras et al. (2022), arXiv 2206.00364, without churn, as <c>EulerDiscreteScheduler</c>.</summary>
internal sealed class EulerScheduler : SigmaScheduler
{
    private readonly PredictionType _prediction;

    public EulerScheduler(SchedulerConfig config, SchedulerRun run)
        : base(config, run, Grid(config, run.Steps))
    {
        _prediction = Prediction.Of(config, PredictionType.Epsilon, PredictionType.V, PredictionType.Sample);
    }

    public override void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise)
    {
        var slope = new float[latents.Length];
        Slope(_prediction, Sigma(call), latents, output, slope);
        Blend.Add(latents, Sigma(call + 1) - Sigma(call), slope);
    }

    private static SigmaGrid Grid(SchedulerConfig config, int steps)
    {
        var schedule = new NoiseSchedule(config, keepTerminalSnr: true);
        IReadOnlyList<double> timesteps = [.. TimestepSpacing.Exact(config, steps).Select(t => (double)(float)t)];
        var sigmas = config.Text("interpolation_type") == "linear"
            ? [.. timesteps.Select(schedule.SigmaAt)]
            : LogLinear(schedule, steps);
        if (SigmaSpacing.Of(config, sigmas[0], sigmas[^1], steps) is { } spaced)
        {
            sigmas = spaced;
            timesteps = [.. spaced.Select(schedule.TimestepOf)];
        }

        float[] levels = [.. sigmas.Select(sigma => (float)sigma), config.Text("final_sigmas_type") == "zero" ? 0 : schedule.Sigmas[0]];
        if (config.Text("timestep_type") == "continuous" && config.Text("prediction_type") == "v_prediction")
        {
            timesteps = [.. levels[..^1].Select(sigma => 0.25 * Math.Log(sigma))];
        }

        return new SigmaGrid(timesteps, levels);
    }

    private static double[] LogLinear(NoiseSchedule schedule, int steps) =>
        [.. TimestepSpacing.LinearSpace(schedule.LogSigmas[^1], schedule.LogSigmas[0], steps + 1).Select(log => (double)MathF.Exp((float)log))];
}
