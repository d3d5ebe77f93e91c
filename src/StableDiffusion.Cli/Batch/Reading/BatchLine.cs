namespace StableDiffusion.Cli;

/// <summary>One line of a batch file as written: fields with their values, not expanded yet, or what is wrong with it.</summary>
/// <param name="Number">Where it begins, counted from 1.</param>
/// <param name="Fields">Values by field; several are alternatives, but for <c>scheduler_config</c>. Empty where there is an error.</param>
/// <param name="Error">What is wrong; null for nothing.</param>
internal sealed record BatchLine(int Number, IReadOnlyDictionary<string, IReadOnlyList<string>> Fields, string? Error = null);
