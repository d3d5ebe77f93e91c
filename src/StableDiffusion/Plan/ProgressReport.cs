namespace StableDiffusion;

/// <summary>Tells a caller how far a request is.</summary>
/// <param name="Progress">Who is told; null where nobody asks.</param>
/// <param name="First">The first picture in the works, of the whole request.</param>
/// <param name="Images">Pictures of the whole request.</param>
internal readonly record struct ProgressReport(IProgress<GenerationProgress>? Progress, int First, int Images)
{
    /// <summary>Calls of earlier passes.</summary>
    public int Before { get; init; }

    /// <summary>One call of the network is done.</summary>
    public void Call(int call, int calls, DenoisingStep? step) =>
        Progress?.Report(new GenerationProgress(First, Images, Before + call, Before + calls) { Step = step });
}
