namespace StableDiffusion;

/// <summary>
/// Pseudo numerical methods: Algorithm 2 and equations 9, 12 and 13 of Liu et al. (2022), arXiv 2202.09778, as <c>PNDMScheduler</c>.
/// With <c>skip_prk_steps</c> (PLMS) the Runge-Kutta start is replaced by one step taken twice.
/// </summary>
internal sealed class PndmScheduler : AlphaScheduler
{
    private const int Order = 4;

    private readonly PredictionType _prediction;
    private readonly int _stride;
    private readonly int[] _rungeKutta;
    private readonly List<float[]> _ets = [];
    private float[] _start = [];
    private float[] _sum = [];

    public PndmScheduler(SchedulerConfig config, SchedulerRun run)
        : this(config, run, RungeKuttaSteps(config, run.Steps))
    {
    }

    private PndmScheduler(SchedulerConfig config, SchedulerRun run, int[] rungeKutta)
        : base(config, run, [.. rungeKutta.Select(t => (double)t), .. MultistepSteps(config, run.Steps)])
    {
        _prediction = Prediction.Of(config, PredictionType.Epsilon, PredictionType.V);
        _stride = config.Whole("num_train_timesteps") / run.Steps;
        _rungeKutta = rungeKutta;
    }

    /// <summary>Four calls for each step of Runge and Kutta's; without them the first step is taken twice.</summary>
    public override int StepOf(int call) =>
        _rungeKutta.Length == 0 ? Math.Max(call - 1, 0)
        : call < _rungeKutta.Length ? call / 4
        : ((_rungeKutta.Length + 3) / 4) + call - _rungeKutta.Length;

    public override void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise)
    {
        if (call < _rungeKutta.Length)
        {
            RungeKuttaStep(call, output, latents);
        }
        else
        {
            MultistepStep(call, output, latents);
        }
    }

    // Equation 13: four evaluations, weighted 1/6, 1/3, 1/3, 1/6. A run that starts in the middle counts its evaluations from there,
    // but steps from the points of the whole run, as diffusers does.
    private void RungeKuttaStep(int call, ReadOnlySpan<float> output, Span<float> latents)
    {
        var e = output.ToArray();
        var stage = call % 4;
        if (stage == 0)
        {
            _ets.Add(output.ToArray());
            _start = latents.ToArray();
            _sum = new float[output.Length];
        }

        Blend.Add(_sum, stage is 0 or 3 ? 1.0 / 6 : 1.0 / 3, output);
        if (stage == 3)
        {
            e = _sum;
        }

        var previous = (int)Timesteps[call] - (call % 2 == 0 ? _stride / 2 : 0);
        _start.CopyTo(latents);
        Transfer(_rungeKutta[call / 4 * 4], previous, e, latents);
    }

    // Equation 12, with lower orders until four outputs are known; PLMS takes the first step again with the mean of two outputs.
    private void MultistepStep(int call, ReadOnlySpan<float> output, Span<float> latents)
    {
        var t = (int)Timesteps[call];
        var e = output.ToArray();
        if (call == 1 && _rungeKutta.Length == 0)
        {
            Blend.Write(e, 0.5, output, 0.5, _ets[^1]);
            _start.CopyTo(latents);
            Transfer(t + _stride, t, e, latents);
            return;
        }

        if (call == 0)
        {
            _start = latents.ToArray();
        }

        _ets.Add(output.ToArray());
        AdamsBashforth.Write(e, _ets);
        Transfer(t, t - _stride, e, latents);
    }

    // Equation 9: from time step t to the previous one along the noise e.
    private void Transfer(int t, int previousStep, float[] e, Span<float> latents)
    {
        var (alpha, previous) = (Alpha(t), Alpha(previousStep));
        if (_prediction == PredictionType.V)
        {
            Blend.Write(e, Math.Sqrt(alpha), e, Math.Sqrt(1 - alpha), latents);
        }

        var denominator = (alpha * Math.Sqrt(1 - previous)) + Math.Sqrt(alpha * (1 - alpha) * previous);
        Blend.Write(latents, Math.Sqrt(previous / alpha), latents, -(previous - alpha) / denominator, e);
    }

    private static int[] RungeKuttaSteps(SchedulerConfig config, int steps)
    {
        if (config.Flag("skip_prk_steps"))
        {
            return [];
        }

        if (steps < Order)
        {
            throw new RequestException(
                $"pndm with skip_prk_steps false needs at least {Order} steps, not {steps}; set skip_prk_steps to true or ask for more.");
        }

        var half = config.Whole("num_train_timesteps") / steps / 2;
        int[] points = [.. TimestepSpacing.Whole(config, steps).Take(Order).SelectMany(t => new[] { (int)t + half, (int)t })];
        return [.. points[1..].SelectMany(t => new[] { t, t }).Skip(1).SkipLast(1)];
    }

    private static IEnumerable<double> MultistepSteps(SchedulerConfig config, int steps)
    {
        var timesteps = TimestepSpacing.Whole(config, steps);
        return config.Flag("skip_prk_steps")
            ? timesteps.Take(2).Concat(timesteps.Skip(1))
            : timesteps.Skip(Order - 1);
    }
}
