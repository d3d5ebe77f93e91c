namespace StableDiffusion;

/// <summary>
/// Turns what a request says (prompts, a class, sizes) into what the family's network is told. Holds the text encoders, if there are
/// any; they are open from the start, and closed by Dispose.
/// </summary>
internal interface IConditioner : IDisposable
{
    /// <summary>Encodes the texts of a plan, and adds what else the network wants to be told.</summary>
    /// <param name="plan">The request, checked.</param>
    /// <param name="warn">Told what a user should know, such as words that had to be cut.</param>
    /// <param name="cancellation">Stops a text encoder.</param>
    /// <exception cref="RequestException">The texts do not fit this export.</exception>
    /// <exception cref="ModelException">A text encoder fails, or gives numbers that are not finite.</exception>
    GuidedConditioning Encode(GenerationPlan plan, Action<string> warn, CancellationToken cancellation);
}
