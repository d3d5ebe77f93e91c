namespace StableDiffusion;

/// <summary>Shared by methods that look ᾱ up at whole training steps: x = √ᾱ·x₀ + √(1 − ᾱ)·ε.</summary>
internal abstract class AlphaScheduler : Scheduler
{
    private readonly NoiseSchedule _schedule;

    protected AlphaScheduler(SchedulerConfig config, SchedulerRun run, IEnumerable<double> timesteps)
        : base(timesteps, run)
    {
        _schedule = new NoiseSchedule(config, keepTerminalSnr: false);
        FinalAlpha = config.Flag("set_alpha_to_one") ? 1 : _schedule.AlphasCumprod[0];
    }

    /// <summary>ᾱ after the last step.</summary>
    protected double FinalAlpha { get; init; }

    public override void AddNoise(int call, ReadOnlySpan<float> clean, ReadOnlySpan<float> noise, Span<float> noisy)
    {
        var alpha = Alpha((int)Timesteps[call]);
        Blend.Write(noisy, Math.Sqrt(alpha), clean, Math.Sqrt(1 - alpha), noise);
    }

    /// <summary>ᾱ of a training step; below 0 there is no noise left but what <c>set_alpha_to_one</c> leaves.</summary>
    protected double Alpha(int timestep) => timestep >= 0 ? _schedule.AlphasCumprod[timestep] : FinalAlpha;

    /// <summary>Refuses a run that would divide by ᾱ = 0.</summary>
    protected void RefuseZeroSnr(PredictionType type)
    {
        if (type == PredictionType.Epsilon && Timesteps.Any(t => Alpha((int)t) == 0))
        {
            throw new RequestException(
                "A model that predicts noise (prediction_type epsilon) cannot start from nothing but noise: "
                + "set rescale_betas_zero_snr to false or timestep_spacing to leading.");
        }
    }
}
