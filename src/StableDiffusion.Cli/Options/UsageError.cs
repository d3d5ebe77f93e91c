using System.CommandLine;
using System.CommandLine.Parsing;

namespace StableDiffusion.Cli;

/// <summary>What is wrong with a command line that cannot be parsed, in our words where the parser's speak of types.</summary>
internal static class UsageError
{
    /// <summary>The first error, without a full stop.</summary>
    public static string Describe(ParseResult parsed)
    {
        if (parsed.UnmatchedTokens is [{ Length: > 0 } word, ..] && word[0] != '-')
        {
            return $"{OneLine.Quote(word)} is one word too many; put a prompt of several words in quotes";
        }

        var error = parsed.Errors[0];
        var result = error.SymbolResult as OptionResult ?? error.SymbolResult?.Parent as OptionResult;
        return result is { Tokens: [var value], Option: var option } && KindOf(option.ValueType) is { } kind
            ? $"{option.Name} {OneLine.Quote(value.Value)} must be {kind}"
            : OneLine.Of(error.Message).TrimEnd('.');
    }

    private static string? KindOf(Type type) => (Nullable.GetUnderlyingType(type) ?? type) switch
    {
        var number when number == typeof(int) => $"a whole number of at most {int.MaxValue}",
        var number when number == typeof(double) => "a number, such as 7.5",
        _ => null,
    };
}
