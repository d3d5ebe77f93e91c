using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary>
/// A prompt of one word may have the name of a command. Behind options of painting it is the prompt (<c>sd --steps 20 grid</c>); alone or with
/// the command's own options it is the command. Nor is one in brackets, <c>[apple]</c>, the directive that System.CommandLine takes it for.
/// </summary>
internal static class PromptWord
{
    /// <summary>The words, with a prompt that has a command's name, or brackets around it, marked as one.</summary>
    public static IReadOnlyList<string> Keep(RootCommand root, IReadOnlyList<string> words)
    {
        if (words is [['[', .., ']'] prompt, ..])
        {
            return [$"--prompt={prompt}", .. words.Skip(1)];
        }

        var parsed = root.Parse(words, CommandLine.Parser);
        var isAfterOptions = CommandOf(parsed) is not RootCommand
            && parsed.RootCommandResult.Children.OfType<System.CommandLine.Parsing.OptionResult>().Any(result => !result.Implicit);
        if (!isAfterOptions)
        {
            return words;
        }

        // The same word may stand before it as the value of an option.
        var at = Enumerable.Range(0, words.Count).First(i => CommandOf(root.Parse((IReadOnlyList<string>)[.. words.Take(i + 1)], CommandLine.Parser)) is not RootCommand);
        return [.. words.Take(at), $"--prompt={words[at]}", .. words.Skip(at + 1)];
    }

    /// <summary>The first command that a command line names; the root where it names none.</summary>
    private static Command CommandOf(ParseResult parsed)
    {
        var command = parsed.CommandResult;
        while (command.Parent is System.CommandLine.Parsing.CommandResult { Command: not RootCommand } above)
        {
            command = above;
        }

        return command.Command;
    }
}
