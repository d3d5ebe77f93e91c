namespace StableDiffusion;

/// <summary>Time steps and noise levels of a whole run, noisiest first; the last level is the one after the last step.</summary>
internal sealed record SigmaGrid(IReadOnlyList<double> Timesteps, float[] Sigmas)
{
    /// <summary>Levels by training step, or by the rule that the configuration asks for, down to 0.</summary>
    public static SigmaGrid Of(SchedulerConfig config, int steps, NoiseSchedule schedule)
    {
        IReadOnlyList<double> timesteps = [.. TimestepSpacing.Exact(config, steps).Select(t => (double)(float)t)];
        double[] sigmas = [.. timesteps.Select(schedule.SigmaAt)];
        if (SigmaSpacing.Of(config, sigmas[0], sigmas[^1], steps) is { } spaced)
        {
            sigmas = spaced;
            timesteps = [.. spaced.Select(schedule.TimestepOf)];
        }

        return new SigmaGrid(timesteps, [.. sigmas.Select(sigma => (float)sigma), 0]);
    }
}

/// <summary>Shared by methods in the coordinates of Karras et al. (2022), arXiv 2206.00364: x = x₀ + σ·ε, the network sees x/√(σ² + 1).</summary>
internal abstract class SigmaScheduler : Scheduler
{
    private readonly SigmaGrid _grid;
    private readonly bool _startsAtTop;

    protected SigmaScheduler(SchedulerConfig config, SchedulerRun run, SigmaGrid grid, int order = 1)
        : base(grid.Timesteps, run, order)
    {
        _grid = grid;
        _startsAtTop = config.Text("timestep_spacing") is "linspace" or "trailing";
    }

    /// <summary>The highest noise level, or with the spacing <c>leading</c> the deviation of picture and noise together.</summary>
    public override float InitialNoiseSigma
    {
        get
        {
            var max = _grid.Sigmas.Max();
            return _startsAtTop ? max : MathF.Sqrt((max * max) + 1);
        }
    }

    public override void ScaleInput(int call, ReadOnlySpan<float> latents, Span<float> input)
    {
        var sigma = Sigma(call);
        latents.CopyTo(input);
        Blend.Scale(input, 1 / Math.Sqrt((sigma * sigma) + 1));
    }

    public override void AddNoise(int call, ReadOnlySpan<float> clean, ReadOnlySpan<float> noise, Span<float> noisy) =>
        Blend.Write(noisy, 1, clean, Sigma(call), noise);

    /// <summary>The noise level before a call.</summary>
    protected double Sigma(int call) => _grid.Sigmas[Begin + call];

    /// <summary>x₀ = c_skip·x + c_out·F, for a network F of the given kind.</summary>
    protected static Weights Clean(PredictionType type, double sigma) => type switch
    {
        PredictionType.Epsilon => new(1, -sigma),
        PredictionType.V => new(1 / ((sigma * sigma) + 1), -sigma / Math.Sqrt((sigma * sigma) + 1)),
        _ => new(0, 1),
    };

    /// <summary>dx/dσ = (x − x₀)/σ, equation 3.</summary>
    protected static Weights Derivative(PredictionType type, double sigma)
    {
        var clean = Clean(type, sigma);
        return new((1 - clean.Latents) / sigma, -clean.Output / sigma);
    }
}
