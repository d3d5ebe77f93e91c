namespace StableDiffusion;

/// <summary>The prompt as a class label; what a picture is led away from is the class that stands for none.</summary>
internal sealed class ClassConditioner(ClassLabels labels) : IConditioner
{
    public IReadOnlyList<GuidedConditioning> Encode(IReadOnlyList<GenerationPlan> plans, CancellationToken cancellation) =>
    [
        .. plans.Select(plan => new GuidedConditioning(Told(labels.Find(plan.Request.Prompt)), plan.Guidance.IsOn ? Told(labels.Count).LeadingAway() : null)),
    ];

    public void Dispose()
    {
        // nothing is open
    }

    private static Conditioning Told(int label) => Conditioning.None.With("class_labels", [label]);
}
