namespace StableDiffusion;

/// <summary>The denoising loop: scale, predict, guide, step, until the latents are clean.</summary>
internal static class Denoiser
{
    /// <summary>Runs all calls of the scheduler over the latents, which are overwritten.</summary>
    /// <param name="network">The network.</param>
    /// <param name="latents">Start latents, at the noise level of the scheduler's first call.</param>
    /// <param name="run">Everything else.</param>
    /// <param name="report">Told after each call how many are done, and the call from inside where it is watched.</param>
    /// <param name="cancellation">Stops between and within calls.</param>
    public static void Denoise(
        IDenoisingNetwork network, Latents latents, DenoisingRun run, Action<int, DenoisingStep?> report, CancellationToken cancellation)
    {
        var images = latents.Count;
        var calls = run.Scheduler.Timesteps.Count;
        var guided = new float[latents.Values.Length];
        using var predictions = new Predictions(network, run, latents);
        var lead = new GuidanceLead(run.Guidance, latents.Values.Length);

        for (var call = 0; call < calls; call++)
        {
            cancellation.ThrowIfCancellationRequested();
            var stepIndex = run.Scheduler.StepOf(call);
            var which = new DenoisingCall(call, calls, run.Scheduler.Timesteps[call]) { Step = stepIndex, DeepCacheInterval = run.DeepCacheInterval };
            var isGuided = run.Guidance.IsOnAt(call, calls) && run.Negative is not null;
            var reuses = isGuided && lead.MayReuse(stepIndex);
            var (negative, positive) = predictions.At(isGuided && !reuses);
            for (var image = 0; image < images; image++)
            {
                var input = positive.Input(image);
                run.Scheduler.ScaleInput(call, latents.Image(image), input[..latents.ImageLength]);
                run.Inpainting?.ConcatenatedChannels.CopyTo(input[latents.ImageLength..]);
                if (negative is { } other)
                {
                    input.CopyTo(other.Input(image));
                }
            }

            positive.Run(which, cancellation);
            if (negative is { } unlike && unlike.Batch != positive.Batch)
            {
                unlike.Run(which, cancellation);
            }

            for (var image = 0; image < images; image++)
            {
                var output = guided.AsSpan(image * latents.ImageLength, latents.ImageLength);
                if (negative is { } other)
                {
                    lead.Keep(image, stepIndex, other.Output(image), positive.Output(image));
                    run.Guidance.Combine(other.Output(image), positive.Output(image), output);
                }
                else if (reuses)
                {
                    lead.Combine(image, positive.Output(image), output);
                }
                else
                {
                    positive.Output(image).CopyTo(output);
                }
            }

            NumericGuard.RequireFinite(guided, $"{network.Name} at call {call + 1} of {calls} (time step {which.Timestep})");
            var step = run.Watched is { } type ? DenoisingStep.Of(call, run.Scheduler, type, latents, guided) : null;
            run.Scheduler.Step(call, guided, latents.Values, run.Noise);
            run.Inpainting?.KeepKnown(run.Scheduler, call, latents);
            report(call + 1, step is null ? null : step with { After = latents.With(latents.Values.ToArray()) });
        }

        NumericGuard.RequireFinite(latents.Values, "the scheduler");
    }

    /// <summary>Consecutive rows of a batch, one for each image.</summary>
    private readonly record struct Rows(IDenoisingBatch Batch, int First)
    {
        public Span<float> Input(int image) => Batch.Input(First + image);

        public ReadOnlySpan<float> Output(int image) => Batch.Output(First + image);

        public void Run(DenoisingCall which, CancellationToken cancellation) => Batch.Run(which, cancellation);
    }

    /// <summary>The batches of a run: negative rows then positive rows in one call, or two calls where the texts differ in length or one is asked for less often.</summary>
    private sealed class Predictions(IDenoisingNetwork network, DenoisingRun run, Latents latents) : IDisposable
    {
        private IDenoisingBatch? _together;
        private IDenoisingBatch? _negative;
        private IDenoisingBatch? _positive;

        public (Rows? Negative, Rows Positive) At(bool guided)
        {
            if (!guided || run.Negative is not { } negative)
            {
                return (null, new Rows(_positive ??= Prepare(run.Positive), 0));
            }

            if (run.Guidance.Every == 1 && negative[0].SharesCallsWith(run.Positive[0]))
            {
                _together ??= Prepare([.. negative, .. run.Positive]);
                return (new Rows(_together, 0), new Rows(_together, latents.Count));
            }

            _negative ??= Prepare(negative);
            _positive ??= Prepare(run.Positive);
            return (new Rows(_negative, 0), new Rows(_positive, 0));
        }

        public void Dispose()
        {
            _together?.Dispose();
            _negative?.Dispose();
            _positive?.Dispose();
        }

        private IDenoisingBatch Prepare(IReadOnlyList<Conditioning> rows) => network.Prepare(rows, latents.Height, latents.Width);
    }
}

/// <summary>One run, from the first call of the scheduler to the last: what it needs besides the latents.</summary>
internal sealed record DenoisingRun
{
    public required IScheduler Scheduler { get; init; }

    public required Guidance Guidance { get; init; }

    /// <summary>What each image is to show; all of one shape.</summary>
    public required IReadOnlyList<Conditioning> Positive { get; init; }

    /// <summary>What each image should not show; all of one shape. Null where guidance is off.</summary>
    public IReadOnlyList<Conditioning>? Negative { get; init; }

    public required INoiseSource Noise { get; init; }

    /// <summary>Inpainting: mask and known picture; null otherwise.</summary>
    public Inpainting? Inpainting { get; init; }

    /// <summary>What the network was trained to say, where its steps are to be reported from inside; otherwise null.</summary>
    public PredictionType? Watched { get; init; }

    /// <summary>Every so many steps the whole network runs; see <see cref="DeepCache"/>.</summary>
    public int DeepCacheInterval { get; init; } = 1;

    public static DenoisingRun Of(PaintingGroup group, IScheduler scheduler, Inpainting? inpainting) => new()
    {
        Scheduler = scheduler,
        Guidance = group.Plan.Guidance,
        Positive = group.Positive,
        Negative = group.Negative,
        Noise = group.Noise,
        Inpainting = inpainting,
        Watched = group.Plan.Request.ReportsSteps ? group.Plan.Predicts : null,
        DeepCacheInterval = group.Plan.Request.DeepCache?.Interval ?? 1,
    };
}
