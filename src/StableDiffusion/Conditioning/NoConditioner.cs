namespace StableDiffusion;

/// <summary>For models that are told nothing.</summary>
internal sealed class NoConditioner : IConditioner
{
    public GuidedConditioning Encode(GenerationPlan plan, Action<string> warn, CancellationToken cancellation) => new(Conditioning.None, null);

    public void Dispose()
    {
        // nothing is open
    }
}
