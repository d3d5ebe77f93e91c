namespace StableDiffusion;

/// <summary>
/// Heun's method, two network calls a step: Algorithm 1 of Karras et al. (2022), arXiv 2206.00364, without churn,
/// as <c>HeunDiscreteScheduler</c>.
/// </summary>
internal sealed class HeunScheduler : SigmaScheduler
{
    private readonly PredictionType _prediction;
    private readonly DynamicThresholding _clipping;
    private float[] _derivative = [];
    private float[] _start = [];

    public HeunScheduler(SchedulerConfig config, SchedulerRun run)
        : base(config, run, Grid(config, run.Steps), order: 2)
    {
        _prediction = Prediction.Of(config, PredictionType.Epsilon, PredictionType.V, PredictionType.Sample);
        _clipping = new DynamicThresholding(config, run);
    }

    public override int StepOf(int call) => call / 2;

    public override void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise)
    {
        // Even calls are at the start of a step; odd ones at its end, where the levels hold σ twice.
        var sigma = Sigma(call);
        var derivative = new float[latents.Length];
        Slope(_prediction, sigma, latents, output, derivative, _clipping);
        if (call % 2 == 0)
        {
            _derivative = derivative;
            _start = latents.ToArray();
            Blend.Add(latents, Sigma(call + 1) - sigma, derivative);
        }
        else
        {
            Blend.Add(derivative, 1, _derivative);
            Blend.Scale(derivative, 0.5);
            _start.CopyTo(latents);
            Blend.Add(latents, sigma - Sigma(call - 1), derivative);
        }
    }

    private static SigmaGrid Grid(SchedulerConfig config, int steps)
    {
        var (timesteps, sigmas) = SigmaGrid.Of(config, steps, new NoiseSchedule(config, keepTerminalSnr: true));
        return new SigmaGrid(
            [timesteps[0], .. timesteps.Skip(1).SelectMany(t => new[] { t, t })],
            [sigmas[0], .. sigmas[1..^1].SelectMany(sigma => new[] { sigma, sigma }), sigmas[^1]]);
    }
}
