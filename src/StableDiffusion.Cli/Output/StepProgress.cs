namespace StableDiffusion.Cli;

/// <summary>Tells all who watch a run.</summary>
/// <param name="next">The bar or the lines.</param>
/// <param name="files">Who keeps the steps; null for nobody.</param>
/// <param name="preview">Who shows them; null for nobody.</param>
internal sealed class StepProgress(IProgress<GenerationProgress> next, StepFiles? files, TerminalPreview? preview) : IProgress<GenerationProgress>
{
    public void Report(GenerationProgress value)
    {
        files?.Record(value);
        preview?.Show(value);
        next.Report(value);
    }
}
