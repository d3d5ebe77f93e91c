namespace StableDiffusion;

/// <summary>
/// DPM-Solver-2 in the manner of Algorithm 2 of Karras et al. (2022), arXiv 2206.00364: a half step to the geometric mean of two
/// levels, then the whole step with the slope found there; as <c>KDPM2DiscreteScheduler</c>, and with noise after each step as
/// <c>KDPM2AncestralDiscreteScheduler</c>.
/// </summary>
internal sealed class Dpm2Scheduler : SigmaScheduler
{
    private readonly PredictionType _prediction;
    private readonly Interval[] _intervals;
    private readonly bool _ancestral;
    private float[] _start = [];

    public Dpm2Scheduler(SchedulerConfig config, SchedulerRun run, bool ancestral)
        : this(config, run, ancestral, new NoiseSchedule(config, keepTerminalSnr: true))
    {
    }

    private Dpm2Scheduler(SchedulerConfig config, SchedulerRun run, bool ancestral, NoiseSchedule schedule)
        : this(config, run, ancestral, schedule, SigmaGrid.Of(config, run.Steps, schedule))
    {
    }

    private Dpm2Scheduler(SchedulerConfig config, SchedulerRun run, bool ancestral, NoiseSchedule schedule, SigmaGrid grid)
        : base(config, run, Doubled(grid, schedule, ancestral), order: 2)
    {
        _prediction = Prediction.Of(config, PredictionType.Epsilon, PredictionType.V);
        _ancestral = ancestral;
        _intervals = [.. Intervals(grid, ancestral).Skip(Begin / 2)];
    }

    public override void ScaleInput(int call, ReadOnlySpan<float> latents, Span<float> input)
    {
        var sigma = InputSigma(call);
        latents.CopyTo(input);
        Blend.Scale(input, 1 / Math.Sqrt((sigma * sigma) + 1));
    }

    public override void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise)
    {
        var (sigma, middle, down, up) = _intervals[call / 2];
        var slope = Derivative(_prediction, InputSigma(call));
        if (call % 2 == 0)
        {
            _start = latents.ToArray();
            var dt = middle - sigma;
            Blend.Write(latents, 1 + (slope.Latents * dt), latents, slope.Output * dt, output);
        }
        else
        {
            var dt = down - sigma;
            Blend.Write(latents, slope.Latents * dt, latents, slope.Output * dt, output);
            Blend.Add(latents, 1, _start);
            if (_ancestral)
            {
                Blend.Add(latents, up, Draw(noise, latents.Length));
            }
        }
    }

    private double InputSigma(int call) => call % 2 == 0 ? _intervals[call / 2].Sigma : _intervals[call / 2].Middle;

    // The last step goes straight to 0, where there is no geometric mean.
    private static IEnumerable<Interval> Intervals(SigmaGrid grid, bool ancestral) =>
        grid.Sigmas.Zip(grid.Sigmas.Skip(1), (sigma, next) => Of(sigma, next, ancestral));

    private static Interval Of(double sigma, double next, bool ancestral)
    {
        var up = ancestral ? Math.Sqrt(next * next * ((sigma * sigma) - (next * next)) / (sigma * sigma)) : 0;
        var down = Math.Sqrt((next * next) - (up * up));
        return new Interval(sigma, (float)Math.Sqrt(sigma * down), down, up);
    }

    private static SigmaGrid Doubled(SigmaGrid grid, NoiseSchedule schedule, bool ancestral)
    {
        var between = Intervals(grid, ancestral).SkipLast(1).Select(interval => schedule.TimestepOf(interval.Middle));
        return new SigmaGrid(
            [grid.Timesteps[0], .. between.Zip(grid.Timesteps.Skip(1), (middle, next) => new[] { middle, next }).SelectMany(pair => pair)],
            [grid.Sigmas[0], .. grid.Sigmas.Skip(1).SelectMany(sigma => new[] { sigma, sigma })]);
    }

    /// <summary>One step from σ by way of a middle level down, and the noise added after it.</summary>
    private readonly record struct Interval(double Sigma, double Middle, double Down, double Up);
}
