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
        : this(config, run, ancestral, schedule, SigmaGrid.Of(config, run.Steps, schedule, roundsKarras: true))
    {
    }

    private Dpm2Scheduler(SchedulerConfig config, SchedulerRun run, bool ancestral, NoiseSchedule schedule, SigmaGrid grid)
        : base(config, run, Doubled(grid, schedule, ancestral), order: 2)
    {
        _prediction = Prediction.Of(config, PredictionType.Epsilon, PredictionType.V);
        _ancestral = ancestral;
        _intervals = [.. Intervals(grid, ancestral).Skip(Begin / 2)];
    }

    public override int StepOf(int call) => call / 2;

    public override void ScaleInput(int call, ReadOnlySpan<float> latents, Span<float> input) => Scale(InputSigma(call), latents, input);

    public override void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise)
    {
        var (sigma, middle, down, up) = _intervals[call / 2];
        var slope = new float[latents.Length];
        Slope(_prediction, InputSigma(call), latents, output, slope);
        if (call % 2 == 0)
        {
            _start = latents.ToArray();
            Blend.Add(latents, middle - sigma, slope);
        }
        else
        {
            _start.CopyTo(latents);
            Blend.Add(latents, down - sigma, slope);
            if (_ancestral)
            {
                Blend.Add(latents, up, Draw(noise, latents.Length));
            }
        }
    }

    private float InputSigma(int call) => call % 2 == 0 ? _intervals[call / 2].Sigma : _intervals[call / 2].Middle;

    // The last step goes straight to 0, where there is no geometric mean.
    private static IEnumerable<Interval> Intervals(SigmaGrid grid, bool ancestral) =>
        grid.Sigmas.Zip(grid.Sigmas.Skip(1), (sigma, next) => Of(sigma, next, ancestral));

    private static Interval Of(float sigma, float next, bool ancestral)
    {
        var up = ancestral ? MathF.Sqrt(next * next * ((sigma * sigma) - (next * next)) / (sigma * sigma)) : 0;
        var down = ancestral ? MathF.Sqrt((next * next) - (up * up)) : next;

        // torch.lerp from σ down to the next level, or for the deterministic rule up from it.
        var (from, to) = ancestral ? ((float)Math.Log(sigma), (float)Math.Log(down)) : ((float)Math.Log(down), (float)Math.Log(sigma));
        return new Interval(sigma, down == 0 ? 0 : (float)Math.Exp(to - ((to - from) / 2)), down, up);
    }

    private static SigmaGrid Doubled(SigmaGrid grid, NoiseSchedule schedule, bool ancestral)
    {
        var between = Intervals(grid, ancestral).SkipLast(1).Select(interval => schedule.TimestepOf(interval.Middle));
        return new SigmaGrid(
            [grid.Timesteps[0], .. between.Zip(grid.Timesteps.Skip(1), (middle, next) => new[] { middle, next }).SelectMany(pair => pair)],
            [grid.Sigmas[0], .. grid.Sigmas.Skip(1).SelectMany(sigma => new[] { sigma, sigma })]);
    }

    /// <summary>One step from σ by way of a middle level down, and the noise added after it.</summary>
    private readonly record struct Interval(float Sigma, float Middle, float Down, float Up);
}
