namespace StableDiffusion;

/// <summary>
/// Euler steps to a level below the next, then noise up to it: ancestral sampling after Song et al. (2020), arXiv 2010.02502,
/// section 4.1, in the coordinates of Karras et al., as <c>EulerAncestralDiscreteScheduler</c>.
/// </summary>
internal sealed class EulerAncestralScheduler : SigmaScheduler
{
    private readonly PredictionType _prediction;

    public EulerAncestralScheduler(SchedulerConfig config, SchedulerRun run)
        : base(config, run, SigmaGrid.Of(config, run.Steps, new NoiseSchedule(config, keepTerminalSnr: true)))
    {
        _prediction = Prediction.Of(config, PredictionType.Epsilon, PredictionType.V);
    }

    public override void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise)
    {
        var (from, to) = (Sigma(call), Sigma(call + 1));
        var up = MathF.Sqrt(to * to * ((from * from) - (to * to)) / (from * from));
        var down = MathF.Sqrt((to * to) - (up * up));
        var slope = new float[latents.Length];
        Slope(_prediction, from, latents, output, slope);
        Blend.Add(latents, down - from, slope);
        Blend.Add(latents, up, Draw(noise, latents.Length));
    }
}
