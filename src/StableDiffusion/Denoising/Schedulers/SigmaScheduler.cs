using System.Numerics.Tensors;

namespace StableDiffusion;

/// <summary>Time steps and noise levels of a whole run, noisiest first; the last level is the one after the last step.</summary>
internal sealed record SigmaGrid(IReadOnlyList<double> Timesteps, float[] Sigmas)
{
    /// <summary>Levels by training step, or by the rule that the configuration asks for, down to 0.</summary>
    public static SigmaGrid Of(SchedulerConfig config, int steps, NoiseSchedule schedule, bool roundsKarras = false)
    {
        IReadOnlyList<double> timesteps = [.. TimestepSpacing.Exact(config, steps).Select(t => (double)(float)t)];
        double[] sigmas = [.. timesteps.Select(schedule.SigmaAt)];
        if (SigmaSpacing.Of(config, sigmas[0], sigmas[^1], steps) is { } spaced)
        {
            sigmas = spaced;
            var rounds = roundsKarras && config.Flag("use_karras_sigmas");
            timesteps = [.. spaced.Select(schedule.TimestepOf).Select(t => rounds ? Math.Round(t) : t)];
        }

        return new SigmaGrid(timesteps, [.. sigmas.Select(sigma => (float)sigma), 0]);
    }
}

/// <summary>
/// Shared by methods in the coordinates of Karras et al. (2022), arXiv 2206.00364: x = x₀ + σ·ε, the network sees x/√(σ² + 1).
/// </summary>
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

    public override void ScaleInput(int call, ReadOnlySpan<float> latents, Span<float> input) => Scale(Sigma(call), latents, input);

    public override void AddNoise(int call, ReadOnlySpan<float> clean, ReadOnlySpan<float> noise, Span<float> noisy) =>
        Blend.Write(noisy, 1, clean, Sigma(call), noise);

    /// <summary>The noise level before a call.</summary>
    protected float Sigma(int call) => _grid.Sigmas[Begin + call];

    /// <summary>Writes x/√(σ² + 1).</summary>
    protected static void Scale(float sigma, ReadOnlySpan<float> latents, Span<float> input) =>
        TensorPrimitives.Divide(latents, MathF.Sqrt((sigma * sigma) + 1), input);

    /// <summary>
    /// Writes dx/dσ = (x − x₀)/σ, equation 3. Rounded after each operation as torch does: where σ is in the thousands, the network's
    /// input hangs on the last bit.
    /// </summary>
    protected static void Slope(
        PredictionType type,
        float sigma,
        ReadOnlySpan<float> latents,
        ReadOnlySpan<float> output,
        Span<float> slope,
        DynamicThresholding? clipping = null)
    {
        Clean(type, sigma, latents, output, slope);
        clipping?.Apply(slope);
        TensorPrimitives.Subtract(latents, slope, slope);
        TensorPrimitives.Divide(slope, sigma, slope);
    }

    private static void Clean(PredictionType type, float sigma, ReadOnlySpan<float> latents, ReadOnlySpan<float> output, Span<float> clean)
    {
        var square = (sigma * sigma) + 1;
        switch (type)
        {
            case PredictionType.Epsilon:
                TensorPrimitives.Multiply(output, -sigma, clean);
                TensorPrimitives.Add(latents, clean, clean);
                break;
            case PredictionType.V:
                var factor = -sigma / MathF.Sqrt(square);
                for (var i = 0; i < clean.Length; i++)
                {
                    clean[i] = (output[i] * factor) + (latents[i] / square);
                }

                break;
            default:
                output.CopyTo(clean);
                break;
        }
    }
}
