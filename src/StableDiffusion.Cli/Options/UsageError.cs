using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary>What is wrong with a command line that cannot be parsed, in one line.</summary>
internal static class UsageError
{
    /// <summary>The first error, without a full stop.</summary>
    public static string Describe(ParseResult parsed)
    {
        if (parsed.UnmatchedTokens is [{ Length: > 0 } word, ..] && word[0] != '-')
        {
            return $"{OneLine.Quote(word)} is one word too many; put a prompt of several words in quotes";
        }

        return OneLine.Of(parsed.Errors[0].Message).TrimEnd('.');
    }
}
