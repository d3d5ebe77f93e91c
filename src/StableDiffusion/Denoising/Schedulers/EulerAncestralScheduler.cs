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
        var up = Math.Sqrt(to * to * ((from * from) - (to * to)) / (from * from));
        var down = Math.Sqrt((to * to) - (up * up));
        var derivative = Derivative(_prediction, from);
        var dt = down - from;
        Blend.Write(latents, 1 + (derivative.Latents * dt), latents, derivative.Output * dt, output);
        Blend.Add(latents, up, Draw(noise, latents.Length));
    }
}
