namespace StableDiffusion;

/// <summary>
/// Strategic stochastic sampling: Algorithm 4 of Zheng et al. (2024), arXiv 2402.19159 (trajectory consistency distillation),
/// as <c>TCDScheduler</c>.
/// </summary>
internal sealed class TcdScheduler : AlphaScheduler
{
    private readonly PredictionType _prediction;
    private readonly double _gamma;

    public TcdScheduler(SchedulerConfig config, SchedulerRun run)
        : base(config, run, ConsistencySteps.Of(config, run))
    {
        _prediction = Prediction.Of(config, PredictionType.Epsilon, PredictionType.V, PredictionType.Sample);
        _gamma = run.Eta ?? 0.3;
        RefuseZeroSnr(_prediction);
    }

    protected override int BeginOf(SchedulerRun run) => run.StepsWithinStrength ? 0 : base.BeginOf(run);

    public override void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise)
    {
        var isLast = call + 1 == Timesteps.Count;
        var previousStep = isLast ? 0 : (int)Timesteps[call + 1];
        var s = Alpha((int)Math.Floor((float)(1 - _gamma) * previousStep));
        var (alpha, previous) = (Alpha((int)Timesteps[call]), Alpha(previousStep));
        var clean = Prediction.Clean(_prediction, Math.Sqrt(alpha), Math.Sqrt(1 - alpha));
        var epsilon = Prediction.Noise(_prediction, Math.Sqrt(alpha), Math.Sqrt(1 - alpha));
        Blend.Write(
            latents,
            (Math.Sqrt(s) * clean.Latents) + (Math.Sqrt(1 - s) * epsilon.Latents),
            latents,
            (Math.Sqrt(s) * clean.Output) + (Math.Sqrt(1 - s) * epsilon.Output),
            output);
        if (_gamma > 0 && !isLast)
        {
            Blend.Scale(latents, Math.Sqrt(previous / s));
            Blend.Add(latents, Math.Sqrt(1 - (previous / s)), Draw(noise, latents.Length));
        }
    }
}
