namespace StableDiffusion;

/// <summary>
/// Denoising diffusion implicit models: equations 12 and 16 of Song et al. (2020), arXiv 2010.02502, as <c>DDIMScheduler</c>.
/// </summary>
internal sealed class DdimScheduler : AlphaScheduler
{
    private readonly PredictionType _prediction;
    private readonly DynamicThresholding _thresholding;
    private readonly double _eta;
    private readonly int _stride;

    public DdimScheduler(SchedulerConfig config, SchedulerRun run)
        : base(config, run, TimestepSpacing.Whole(config, run.Steps))
    {
        _prediction = Prediction.Of(config, PredictionType.Epsilon, PredictionType.V, PredictionType.Sample);
        _thresholding = new DynamicThresholding(config, run);
        _eta = run.Eta ?? 0;
        _stride = config.Whole("num_train_timesteps") / run.Steps;
        RefuseZeroSnr(_prediction);
    }

    public override void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise)
    {
        var t = (int)Timesteps[call];
        var (alpha, previous) = (Alpha(t), Alpha(t - _stride));
        var clean = new float[latents.Length];
        Blend.Write(clean, Prediction.Clean(_prediction, Math.Sqrt(alpha), Math.Sqrt(1 - alpha)), latents, output);
        Blend.Write(latents, Prediction.Noise(_prediction, Math.Sqrt(alpha), Math.Sqrt(1 - alpha)), latents, output);
        _thresholding.Apply(clean);

        var variance = (1 - previous) / (1 - alpha) * (1 - (alpha / previous));
        var sigma = _eta * Math.Sqrt(variance);
        var direction = Math.Sqrt(Math.Max(1 - previous - (sigma * sigma), 0));
        Blend.Write(latents, Math.Sqrt(previous), clean, direction, latents);
        if (_eta > 0)
        {
            Blend.Add(latents, sigma, Draw(noise, latents.Length));
        }
    }
}
