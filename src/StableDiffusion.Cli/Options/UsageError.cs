using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.RegularExpressions;

namespace StableDiffusion.Cli;

/// <summary>What is wrong with a command line that cannot be parsed, in one line.</summary>
internal static partial class UsageError
{
    /// <summary>The first error, without a full stop.</summary>
    public static string Describe(ParseResult parsed)
    {
        if (parsed.UnmatchedTokens is [{ Length: > 0 } word, ..] && word[0] != '-')
        {
            return $"{OneLine.Quote(word)} is one word too many; put a prompt of several words in quotes";
        }

        var message = OneLine.Of(parsed.Errors[0].Message).TrimEnd('.');
        return GivenTwice().Match(message) is { Success: true } twice ? $"{twice.Groups["name"].Value} is given {twice.Groups["count"].Value} times; give it once" : message;
    }

    /// <summary>A word that looks like an option and was taken for a prompt or a file, unless it stands behind <c>--</c>; null for none.</summary>
    public static string? Misspelt(ParseResult parsed)
    {
        var behind = parsed.Tokens.SkipWhile(token => token.Type != TokenType.DoubleDash).ToHashSet<object>(ReferenceEqualityComparer.Instance);
        return parsed.CommandResult.Children.OfType<ArgumentResult>()
            .SelectMany(argument => argument.Tokens)
            .FirstOrDefault(token => LikeAnOption().IsMatch(token.Value) && !behind.Contains(token))?.Value;
    }

    /// <summary>What System.CommandLine says of an option with too many values.</summary>
    [GeneratedRegex("^Option '(?<name>[^']+)' expects a single argument but (?<count>[0-9]+) were provided$")]
    private static partial Regex GivenTwice();

    [GeneratedRegex("^--?[A-Za-z][A-Za-z0-9_-]*(=|$)")]
    private static partial Regex LikeAnOption();
}
