namespace StableDiffusion;

/// <summary>
/// Turns what a request says (prompts, a class, sizes) into what the family's network is told. Holds the text encoders, if there are
/// any; they are open from the start where memory is not spared, and closed by Dispose.
/// </summary>
internal interface IConditioner : IDisposable
{
    /// <summary>Encodes the texts of plans, and adds what else the network wants to be told.</summary>
    /// <param name="plans">The requests, checked; all at once, so that each text encoder is opened once for them. Words that have to be cut are said by <see cref="GenerationPlan.Warn"/>.</param>
    /// <param name="cancellation">Stops a text encoder.</param>
    /// <exception cref="RequestException">The texts do not fit this export.</exception>
    /// <exception cref="ModelException">A text encoder fails, or gives numbers that are not finite.</exception>
    IReadOnlyList<GuidedConditioning> Encode(IReadOnlyList<GenerationPlan> plans, CancellationToken cancellation);
}

/// <summary>The texts of models that read several.</summary>
internal static class FurtherText
{
    /// <summary>A text for a further encoder; the first encoder's where there is none or an empty one: diffusers' <c>prompt_2 or prompt</c>.</summary>
    public static string Or(this string? text, string first) => string.IsNullOrEmpty(text) ? first : text;
}
