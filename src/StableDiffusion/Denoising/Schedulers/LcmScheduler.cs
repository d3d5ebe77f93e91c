namespace StableDiffusion;

/// <summary>
/// Multistep consistency sampling: Algorithm 3 of Luo et al. (2023), arXiv 2310.04378 (latent consistency models), as <c>LCMScheduler</c>.
/// </summary>
internal sealed class LcmScheduler : AlphaScheduler
{
    private const double SigmaData = 0.5;

    private readonly PredictionType _prediction;
    private readonly DynamicThresholding _thresholding;
    private readonly double _scaling;

    public LcmScheduler(SchedulerConfig config, SchedulerRun run)
        : base(config, run, ConsistencySteps.Of(config, run))
    {
        _prediction = Prediction.Of(config, PredictionType.Epsilon, PredictionType.V, PredictionType.Sample);
        _thresholding = new DynamicThresholding(config, run);
        _scaling = config.Real("timestep_scaling");
        RefuseZeroSnr(_prediction);
    }

    protected override int BeginOf(SchedulerRun run) => run.StepsWithinStrength ? 0 : base.BeginOf(run);

    public override void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise)
    {
        var t = (int)Timesteps[call];
        var alpha = Alpha(t);
        var clean = new float[latents.Length];
        Blend.Write(clean, Prediction.Clean(_prediction, Math.Sqrt(alpha), Math.Sqrt(1 - alpha)), latents, output);
        _thresholding.Apply(clean);

        // The boundary condition f(x, 0) = x, equation 9.
        var scaled = t * _scaling;
        var skip = SigmaData * SigmaData / ((scaled * scaled) + (SigmaData * SigmaData));
        var c = scaled / Math.Sqrt((scaled * scaled) + (SigmaData * SigmaData));
        Blend.Write(latents, c, clean, skip, latents);
        if (call + 1 < Timesteps.Count)
        {
            var previous = Alpha((int)Timesteps[call + 1]);
            Blend.Scale(latents, Math.Sqrt(previous));
            Blend.Add(latents, Math.Sqrt(1 - previous), Draw(noise, latents.Length));
        }
    }
}
