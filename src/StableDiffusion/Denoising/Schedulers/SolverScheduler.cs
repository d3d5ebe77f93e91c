namespace StableDiffusion;

/// <summary>A noise level in x = α·x₀ + σ·ε, with λ = ln(α/σ).</summary>
internal readonly record struct Level(double Alpha, double Sigma, double Lambda);

/// <summary>
/// Shared by the solvers in half-log-SNR λ = ln(α/σ) (DPM-Solver, UniPC, DEIS): x = α·x₀ + σ·ε, where a grid of noise levels
/// gives α and σ either for diffusion (α² + σ² = 1) or for flow (α + σ = 1).
/// </summary>
internal abstract class SolverScheduler : Scheduler
{
    private readonly float[] _levels;
    private readonly bool _flow;

    protected SolverScheduler(SchedulerConfig config, SchedulerRun run, SigmaGrid grid)
        : base(grid.Timesteps, run)
    {
        _levels = grid.Sigmas;
        _flow = config.Flag("use_flow_sigmas");
        Prediction = _flow
            ? StableDiffusion.Prediction.Of(config, PredictionType.Flow)
            : StableDiffusion.Prediction.Of(config, PredictionType.Epsilon, PredictionType.V, PredictionType.Sample);
        Thresholding = new DynamicThresholding(config, run);
    }

    protected PredictionType Prediction { get; }

    protected DynamicThresholding Thresholding { get; }

    public override void AddNoise(int call, ReadOnlySpan<float> clean, ReadOnlySpan<float> noise, Span<float> noisy)
    {
        var (alpha, sigma, _) = LevelAt(call);
        Blend.Write(noisy, alpha, clean, sigma, noise);
    }

    /// <summary>α, σ and λ before a call; calls before the run's first are known too where the schedule has them.</summary>
    protected Level LevelAt(int call)
    {
        double level = _levels[Begin + call];
        var alpha = _flow ? 1 - level : 1 / Math.Sqrt((level * level) + 1);
        var sigma = _flow ? level : level * alpha;
        return new Level(alpha, sigma, Math.Log(alpha) - Math.Log(sigma));
    }

    /// <summary>The predicted x₀, limited as the configuration asks.</summary>
    protected float[] Clean(int call, ReadOnlySpan<float> output, ReadOnlySpan<float> latents)
    {
        var (alpha, sigma, _) = LevelAt(call);
        var clean = new float[output.Length];
        Blend.Write(clean, StableDiffusion.Prediction.Clean(Prediction, alpha, sigma), latents, output);
        Thresholding.Apply(clean);
        return clean;
    }

    /// <summary>The predicted ε, of an x₀ limited as the configuration asks.</summary>
    protected float[] Noise(int call, ReadOnlySpan<float> output, ReadOnlySpan<float> latents)
    {
        var (alpha, sigma, _) = LevelAt(call);
        if (Thresholding.IsActive)
        {
            var clean = Clean(call, output, latents);
            Blend.Write(clean, 1 / sigma, latents, -alpha / sigma, clean);
            return clean;
        }

        var noise = new float[output.Length];
        Blend.Write(noise, StableDiffusion.Prediction.Noise(Prediction, alpha, sigma), latents, output);
        return noise;
    }

    /// <summary>Refuses what no solver of the family does.</summary>
    protected static void RefuseUnknown(SchedulerConfig config, int highestOrder)
    {
        if (config.Whole("solver_order") is var order && (order < 1 || order > highestOrder))
        {
            throw new RequestException($"{config.ClassName} has solver_order 1 to {highestOrder}, not {order}.");
        }

        if (config.Has("variance_type") && config.Text("variance_type").StartsWith("learned", StringComparison.Ordinal))
        {
            throw new RequestException(
                $"variance_type {config.Text("variance_type")} needs a network that predicts the variance too; set it to null.");
        }
    }

    /// <summary>Refuses rules that divide by the last level where that is 0.</summary>
    protected static void RefuseNoiseFormAtZero(SchedulerConfig config, bool canEndAtZero)
    {
        if (!canEndAtZero && config.Text("final_sigmas_type") == "zero")
        {
            throw new RequestException(
                $"{config.ClassName} cannot end without noise in this form; set final_sigmas_type to sigma_min, "
                + "or leave algorithm_type, predict_x0 and lower_order_final as they are by default.");
        }
    }
}
