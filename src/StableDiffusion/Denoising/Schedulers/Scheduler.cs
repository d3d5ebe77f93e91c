namespace StableDiffusion;

/// <summary>What all schedulers share: the time steps of the run, and where in the whole schedule it begins.</summary>
internal abstract class Scheduler : IScheduler
{
    /// <param name="timesteps">The time steps of a whole run.</param>
    /// <param name="run">The run, of which the strength says where it begins.</param>
    /// <param name="order">How many time steps one step of the run has.</param>
    protected Scheduler(IEnumerable<double> timesteps, SchedulerRun run, int order = 1)
    {
        Begin = BeginOf(run) * order;
        Timesteps = [.. timesteps.Skip(Begin).Select(t => (float)t)];
    }

    public IReadOnlyList<float> Timesteps { get; }

    public virtual float InitialNoiseSigma => 1;

    /// <summary>Index of the run's first time step in the whole schedule.</summary>
    protected int Begin { get; }

    public virtual void ScaleInput(int call, ReadOnlySpan<float> latents, Span<float> input) => latents.CopyTo(input);

    public virtual int StepOf(int call) => call;

    public abstract void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise);

    public abstract void AddNoise(int call, ReadOnlySpan<float> clean, ReadOnlySpan<float> noise, Span<float> noisy);

    /// <summary>One draw of noise for all images.</summary>
    protected static float[] Draw(INoiseSource noise, int length)
    {
        var drawn = new float[length];
        noise.Draw(drawn);
        return drawn;
    }

    /// <summary>The number of leading steps that the strength leaves out.</summary>
    protected virtual int BeginOf(SchedulerRun run) => LeftOut(run, Math.Min((int)(run.Steps * run.Strength), run.Steps));

    /// <summary>The number of steps left out where so many are left to run.</summary>
    /// <exception cref="RequestException">None is left.</exception>
    protected static int LeftOut(SchedulerRun run, int remaining) =>
        remaining > 0
            ? run.Steps - remaining
            : throw new RequestException(
                $"A strength of {run.Strength} leaves none of {run.Steps} steps to run; "
                + $"ask for more steps or a strength of at least {1.0 / run.Steps:0.###}.");
}
