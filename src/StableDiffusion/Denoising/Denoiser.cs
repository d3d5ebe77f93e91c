namespace StableDiffusion;

/// <summary>The denoising loop: scale, predict, guide, step, until the latents are clean.</summary>
internal static class Denoiser
{
    /// <summary>What one run needs besides the latents.</summary>
    internal sealed record Run
    {
        public required IScheduler Scheduler { get; init; }

        public required Guidance Guidance { get; init; }

        /// <summary>The text of each image; all of the same length.</summary>
        public required IReadOnlyList<Conditioning> Positive { get; init; }

        /// <summary>What each image should not show; all of the same length. Null where guidance is off.</summary>
        public IReadOnlyList<Conditioning>? Negative { get; init; }

        public required INoiseSource Noise { get; init; }

        /// <summary>SDXL: original height and width, crop top and left, target height and width.</summary>
        public float[] TimeIds { get; init; } = [];

        public float[]? GuidanceEmbedding { get; init; }

        /// <summary>Inpainting: mask and known picture; null otherwise.</summary>
        public Inpainting? Inpainting { get; init; }
    }

    /// <summary>Runs all calls of the scheduler over the latents, which are overwritten.</summary>
    /// <param name="unet">The network.</param>
    /// <param name="latents">Start latents, at the noise level of the scheduler's first call.</param>
    /// <param name="run">Everything else.</param>
    /// <param name="report">Told after each call how many are done.</param>
    /// <param name="cancellation">Stops between and within calls.</param>
    public static void Denoise(UNet unet, Latents latents, Run run, Action<int> report, CancellationToken cancellation)
    {
        var images = latents.Count;
        var calls = run.Scheduler.Timesteps.Count;
        var guided = new float[latents.Values.Length];
        using var predictions = new Predictions(unet, run, latents);

        for (var call = 0; call < calls; call++)
        {
            cancellation.ThrowIfCancellationRequested();
            var timestep = run.Scheduler.Timesteps[call];
            var (negative, positive) = predictions.At(run.Guidance.IsOnAt(call, calls));
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

            positive.Run(timestep, cancellation);
            if (negative is { } unlike && unlike.Batch != positive.Batch)
            {
                unlike.Run(timestep, cancellation);
            }

            for (var image = 0; image < images; image++)
            {
                var output = guided.AsSpan(image * latents.ImageLength, latents.ImageLength);
                if (negative is { } other)
                {
                    run.Guidance.Combine(other.Output(image), positive.Output(image), output);
                }
                else
                {
                    positive.Output(image).CopyTo(output);
                }
            }

            NumericGuard.RequireFinite(guided, $"unet at call {call + 1} of {calls} (time step {timestep})");
            run.Scheduler.Step(call, guided, latents.Values, run.Noise);
            run.Inpainting?.KeepKnown(run.Scheduler, call, latents);
            report(call + 1);
        }

        NumericGuard.RequireFinite(latents.Values, "the scheduler");
    }

    /// <summary>Consecutive rows of a batch, one for each image.</summary>
    private readonly record struct Rows(UNetBatch Batch, int First)
    {
        public Span<float> Input(int image) => Batch.Input(First + image);

        public ReadOnlySpan<float> Output(int image) => Batch.Output(First + image);

        public void Run(float timestep, CancellationToken cancellation) => Batch.Run(timestep, cancellation);
    }

    /// <summary>The batches of a run: negative rows then positive rows in one call, or two calls where the texts differ in length.</summary>
    private sealed class Predictions(UNet unet, Run run, Latents latents) : IDisposable
    {
        private UNetBatch? _together;
        private UNetBatch? _negative;
        private UNetBatch? _positive;

        public (Rows? Negative, Rows Positive) At(bool guided)
        {
            if (!guided || run.Negative is not { } negative)
            {
                return (null, new Rows(_positive ??= Prepare(run.Positive), 0));
            }

            if (negative[0].Tokens == run.Positive[0].Tokens)
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

        private UNetBatch Prepare(IReadOnlyList<Conditioning> rows) =>
            unet.Prepare(rows, latents.Height, latents.Width, run.TimeIds, run.GuidanceEmbedding);
    }
}
