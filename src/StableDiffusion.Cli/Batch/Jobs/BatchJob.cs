namespace StableDiffusion.Cli;

/// <summary>One run of the generator: a line of a batch file with every choice made and one seed.</summary>
/// <param name="Line">The line it comes from, counted from 1.</param>
/// <param name="Index">Its number in the whole input, whichever machine paints it.</param>
/// <param name="Id">
/// 16 hexadecimal digits that depend on what is to be painted alone, not on place or name in the batch. A seed that is yet to be drawn
/// counts as such, so that the job is the same one in the next run.
/// </param>
/// <param name="Fields">All that is given for it, and the seeds that were drawn.</param>
internal sealed record BatchJob(int Line, int Index, string Id, LineFields Fields)
{
    /// <summary>The fields whose seed was drawn.</summary>
    public IReadOnlySet<string> Drawn { get; init; } = new HashSet<string>();

    public string? Output => Fields.TryGetValue(FieldTable.Output, out var output) ? output[0] : null;

    public string Prompt => Fields.TryGetValue(FieldTable.Prompt, out var prompt) ? prompt[0] : "";
}

/// <summary>A job, or a line that is none.</summary>
/// <param name="Line">The line, counted from 1.</param>
/// <param name="Job">The job; null where there is an error.</param>
/// <param name="Error">What is wrong.</param>
internal readonly record struct BatchEntry(int Line, BatchJob? Job, string? Error = null);
