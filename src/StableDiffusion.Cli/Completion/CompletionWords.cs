using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary>Everything that can be typed: the commands with their options, and the values of those options that have a list of them.</summary>
internal static class CompletionWords
{
    /// <summary>A command: <c>sd batch merge</c> has the path <c>batch merge</c>, the program itself the empty one.</summary>
    internal sealed record Entry(string Path, string Description, IReadOnlyList<Item> Options, IReadOnlyList<Item> Commands);

    /// <summary>A word with what it does; for options also their aliases, whether a value follows, and which.</summary>
    internal sealed record Item(string Name, IReadOnlyList<string> Aliases, string Description, bool TakesValue, IReadOnlyList<string> Values)
    {
        public IEnumerable<string> Names => [Name, .. Aliases];
    }

    public static IReadOnlyList<Entry> Of(RootCommand root, IReadOnlyList<string> models) => [.. Walk(root, "", models, [])];

    /// <summary>The names that <c>-m</c> takes besides folders.</summary>
    public static IReadOnlyList<string> Models()
    {
        var cached = CachedModel.In(new HubCache(HubSettings.Read().CacheFolder)).Where(model => model.IsOnnx).Select(model => model.Name.ToString());
        return [.. ModelLocation.ShortNames().Keys.Concat(cached).Distinct().Where(name => name.All(c => char.IsAsciiLetterOrDigit(c) || "-_./@+".Contains(c, StringComparison.Ordinal)))];
    }

    /// <summary>The first sentence of a description, on one line.</summary>
    public static string FirstSentence(string? description)
    {
        var line = OneLine.Of((description ?? "").ReplaceLineEndings(" "));
        var end = line.IndexOf(". ", StringComparison.Ordinal);
        return (end < 0 ? line : line[..end]).TrimEnd('.', ' ');
    }

    private static IEnumerable<Entry> Walk(Command command, string path, IReadOnlyList<string> models, IReadOnlyList<Option> inherited)
    {
        IReadOnlyList<Option> recursive = [.. inherited, .. command.Options.Where(option => option.Recursive)];
        yield return new Entry(
            path,
            FirstSentence(command.Description),
            [.. command.Options.Union(inherited).Where(option => !option.Hidden).Select(option => ItemOf(option, models))],
            [.. command.Subcommands.Where(one => !one.Hidden).Select(one => new Item(one.Name, [], FirstSentence(one.Description), false, []))]);
        foreach (var entry in command.Subcommands.Where(one => !one.Hidden).SelectMany(one => Walk(one, path.Length == 0 ? one.Name : $"{path} {one.Name}", models, recursive)))
        {
            yield return entry;
        }
    }

    private static Item ItemOf(Option option, IReadOnlyList<string> models) => new(
        option.Name,
        [.. option.Aliases.Where(alias => alias.StartsWith('-')).Order(StringComparer.Ordinal)],
        FirstSentence(option.Description),
        option.ValueType != typeof(bool) && option is not VersionOption and not System.CommandLine.Help.HelpOption,
        option.Name switch
        {
            "--scheduler" => [.. SchedulerTable.Entries.Select(entry => entry.Name)],
            "--model" => models,
            _ => ListIn(option.HelpName),
        });

    /// <summary><c>auto|none|json</c> is a list of values; <c>auto|cpu|cuda[:n]</c> too, without the optional part.</summary>
    private static IReadOnlyList<string> ListIn(string? helpName) =>
        helpName?.Contains('|', StringComparison.Ordinal) == true
            ? [.. helpName.Split('|').Select(value => value.Split('[')[0]).Where(value => value.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-'))]
            : [];
}
