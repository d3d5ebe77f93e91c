using System.Runtime.CompilerServices;

namespace StableDiffusion;

/// <summary>Calls of the network that several requests share: how many are worth it, and whether they say of each what calls for it alone say.</summary>
internal sealed class SharedCalls
{
    /// <summary>Places of latents, those of all rows together, that keep a processor busy in one call: those of a guided picture of 512 × 512 pixels.</summary>
    private const int Places = 2 * 64 * 64;

    private const int Most = 8;

    private readonly ConditionalWeakTable<IDenoisingNetwork, Dictionary<string, bool>> _known = [];

    /// <summary>How many requests like this one a processor paints the soonest together.</summary>
    public static int FastestOf(GenerationPlan plan)
    {
        if (plan.Folder.Network.Batch is not null)
        {
            // An export for so many rows is called once for each picture anyway.
            return 1;
        }

        var rows = plan.Guidance.IsOn && plan.Guidance.Every == 1 ? 2 : 1;
        var largest = plan.SecondPass ?? plan;
        return (int)Math.Clamp(Places / ((long)rows * largest.LatentWidth * largest.LatentHeight), 1, Most);
    }

    /// <summary>
    /// Whether calls for these pictures say of each to the last bit what calls for it alone say. That depends on the processor, on how ONNX Runtime divides work of such a
    /// size, and on whether the network rounds by the range of all values of a call; so it is tried, on noise, once for each size.
    /// </summary>
    /// <exception cref="ModelException">The network gives numbers that are not finite.</exception>
    public bool AreExact(IDenoisingNetwork network, PaintingGroup group, CancellationToken cancellation)
    {
        var known = _known.GetOrCreateValue(network);
        var texts = group.Positive[0].Inputs.Values.Concat(group.Negative?[0].Inputs.Values ?? []).SelectMany(input => input.Shape);
        var (every, start, end) = (group.Plan.Guidance.Every, group.Plan.Guidance.Start, group.Plan.Guidance.End);
        var size = string.Join(' ', [group.Count, group.Plan.LatentWidth, group.Plan.LatentHeight, every > 1 ? 1 : 0, start > 0 || end < 1 ? 1 : 0, .. texts]);
        if (!known.TryGetValue(size, out var exact))
        {
            exact = known[size] = RunsOf(group).All(run => IsExact(network, group, run, cancellation));
        }

        return exact;
    }

    /// <summary>One call as the denoising loop makes it with guidance, and where that is off for a part of the steps, one without.</summary>
    private static IEnumerable<DenoisingRun> RunsOf(PaintingGroup group)
    {
        var run = DenoisingRun.Of(group, new OneCall(), inpainting: null) with { Watched = null };
        yield return run with { Guidance = run.Guidance with { Start = 0, End = 1 } };
        if (run is { Negative: not null, Guidance: { Start: > 0 } or { End: < 1 } })
        {
            yield return run with { Negative = null };
        }
    }

    private static bool IsExact(IDenoisingNetwork network, PaintingGroup group, DenoisingRun run, CancellationToken cancellation)
    {
        var together = Latents.Join([.. group.Paintings.Select(painting => painting.Plan.EmptyLatents())]);
        new TorchRandom(0).Draw(together.Values);
        List<Latents> alone = [.. Enumerable.Range(0, group.Count).Select(together.Extract)];
        Denoiser.Denoise(network, together, run, (_, _) => { }, cancellation);
        return alone.Index().All(one =>
        {
            var (picture, latents) = one;
            var only = run with { Positive = [run.Positive[picture]], Negative = run.Negative is { } negative ? [negative[picture]] : null };
            Denoiser.Denoise(network, latents, only, (_, _) => { }, cancellation);
            return latents.Values.AsSpan().SequenceEqual(together.Image(picture));
        });
    }

    /// <summary>A run of one call in the middle of the noise levels, which leaves what the network said.</summary>
    private sealed class OneCall : IScheduler
    {
        public IReadOnlyList<float> Timesteps { get; } = [500];

        public float InitialNoiseSigma => 1;

        public void ScaleInput(int call, ReadOnlySpan<float> latents, Span<float> input) => latents.CopyTo(input);

        public void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise) => output.CopyTo(latents);

        public void AddNoise(int call, ReadOnlySpan<float> clean, ReadOnlySpan<float> noise, Span<float> noisy) => throw new NotSupportedException("It starts from noise.");
    }
}
