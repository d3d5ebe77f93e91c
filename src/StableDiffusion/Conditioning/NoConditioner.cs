namespace StableDiffusion;

/// <summary>For models that are told nothing.</summary>
internal sealed class NoConditioner : IConditioner
{
    public IReadOnlyList<GuidedConditioning> Encode(IReadOnlyList<GenerationPlan> plans, CancellationToken cancellation) =>
        [.. plans.Select(_ => new GuidedConditioning(Conditioning.None, null))];

    public void Dispose()
    {
        // nothing is open
    }
}
