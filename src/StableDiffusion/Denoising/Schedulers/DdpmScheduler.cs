namespace StableDiffusion;

/// <summary>
/// Denoising diffusion probabilistic models: equations 6, 7 and 15 of Ho et al. (2020), arXiv 2006.11239, as <c>DDPMScheduler</c>.
/// </summary>
internal sealed class DdpmScheduler : AlphaScheduler
{
    private readonly PredictionType _prediction;
    private readonly DynamicThresholding _thresholding;
    private readonly string _variance;

    public DdpmScheduler(SchedulerConfig config, SchedulerRun run)
        : base(config, run, TimestepSpacing.Whole(config, run.Steps))
    {
        _prediction = Prediction.Of(config, PredictionType.Epsilon, PredictionType.V, PredictionType.Sample);
        _thresholding = new DynamicThresholding(config, run);
        _variance = config.Text("variance_type");
        FinalAlpha = 1;
        RefuseZeroSnr(_prediction);
        if (_variance is not ("fixed_small" or "fixed_small_log" or "fixed_large"))
        {
            throw new RequestException(
                $"ddpm has no rule for variance_type {_variance}; set it to fixed_small, fixed_small_log or fixed_large.");
        }
    }

    public override void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise)
    {
        var t = (int)Timesteps[call];
        var alphaBar = Alpha(t);
        var previous = Alpha(call + 1 < Timesteps.Count ? (int)Timesteps[call + 1] : -1);
        var alpha = alphaBar / previous;
        var beta = 1 - alpha;
        var clean = new float[latents.Length];
        Blend.Write(clean, Prediction.Clean(_prediction, Math.Sqrt(alphaBar), Math.Sqrt(1 - alphaBar)), latents, output);
        _thresholding.Apply(clean);
        var (ofClean, ofLatents) = (Math.Sqrt(previous) * beta / (1 - alphaBar), Math.Sqrt(alpha) * (1 - previous) / (1 - alphaBar));
        Blend.Write(latents, ofClean, clean, ofLatents, latents);
        if (t > 0)
        {
            var variance = _variance == "fixed_large" ? beta : Math.Max((1 - previous) / (1 - alphaBar) * beta, 1e-20);
            Blend.Add(latents, Math.Sqrt(variance), Draw(noise, latents.Length));
        }
    }
}
