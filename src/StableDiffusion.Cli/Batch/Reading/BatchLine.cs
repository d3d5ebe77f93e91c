namespace StableDiffusion.Cli;

/// <summary>One line of a batch file as written: fields with their values, not expanded yet, or what is wrong with it.</summary>
/// <param name="Number">Where it begins, counted from 1.</param>
/// <param name="Fields">Values by field; several are alternatives, but for <c>scheduler_config</c>. Empty where there is an error.</param>
/// <param name="Error">What is wrong; null for nothing.</param>
internal sealed record BatchLine(int Number, LineFields Fields, string? Error = null)
{
    /// <summary>Parses a line of a length; what is wrong becomes its error.</summary>
    public static BatchLine Of(int number, int length, Func<LineFields> parse)
    {
        try
        {
            return length <= BatchReader.LongestLine
                ? new BatchLine(number, parse())
                : throw new RequestException($"it has {length} characters; a line may have {BatchReader.LongestLine}.");
        }
        catch (RequestException error)
        {
            return new BatchLine(number, new LineFields(), OptionNames.MessageForLine(error));
        }
    }
}
