namespace StableDiffusion.Cli;

/// <summary>Entries of a scheduler's configuration, <c>key=value</c>, beside the options that some of them have of their own.</summary>
internal static class SchedulerFields
{
    private static readonly ImageOptions _options = new();

    /// <summary>The fields with every entry that has an option of its own as that option, so that one says it and can be changed.</summary>
    public static LineFields Named(LineFields fields)
    {
        if (!fields.TryGetValue(FieldTable.SchedulerConfig, out var entries))
        {
            return fields;
        }

        var named = new LineFields(fields);
        named.Remove(FieldTable.SchedulerConfig);
        foreach (var entry in entries)
        {
            if (FieldOf(entry) is var (field, value))
            {
                named[field] = [value];
            }
            else
            {
                named[FieldTable.SchedulerConfig] = [.. named.GetValueOrDefault(FieldTable.SchedulerConfig) ?? [], entry];
            }
        }

        return named;
    }

    /// <summary>Entries laid over others, by key.</summary>
    public static IReadOnlyList<string> Merged(IReadOnlyList<string> entries, IReadOnlyList<string> over) =>
        [.. entries.Where(entry => !over.Any(other => Key(other) == Key(entry))), .. over];

    /// <summary>The field that says the same as an entry, and its value; null where there is none.</summary>
    public static (string Field, string Value)? FieldOf(string entry) => entry.Split('=', 2) switch
    {
        ["timestep_spacing", var value] => Choice(_options.Spacing, value),
        ["prediction_type", var value] => Choice(_options.Prediction, value),
        [var key, "true" or "True"] when key.StartsWith("use_", StringComparison.Ordinal) && key.EndsWith("_sigmas", StringComparison.Ordinal) => Choice(_options.Sigmas, key["use_".Length..^"_sigmas".Length]),
        _ => null,
    };

    private static string Key(string entry) => entry.Split('=')[0];

    private static (string, string)? Choice(System.CommandLine.Option<string?> option, string value) =>
        option.HelpName!.Split('|').Contains(value) ? (OptionNames.FieldOf(option.Name), value) : null;
}
