using System.CommandLine;
using System.Text.Json;

namespace StableDiffusion.Cli;

/// <summary>
/// The user's own defaults: an object of option names and values in <c>config.json</c>, and named sets of them under <c>presets</c>.
/// What the command line gives stands above a preset, a preset above the defaults; <c>SD_MODEL</c> stands above both. <c>preset</c> names the set that
/// is taken where the command line names none.
/// </summary>
internal sealed class UserDefaults
{
    public const string FileName = "config.json";

    private const string PresetOption = "--preset";
    private const string PresetKey = "preset";
    private const string PresetsKey = "presets";

    private readonly string _path;
    private readonly Dictionary<string, JsonElement> _defaults = [];
    private readonly Dictionary<string, Dictionary<string, JsonElement>> _presets = [];

    private UserDefaults(string path, JsonElement root)
    {
        _path = path;
        foreach (var entry in root.EnumerateObject())
        {
            if (entry.Name != PresetsKey)
            {
                _defaults[entry.Name] = entry.Value;
                continue;
            }

            foreach (var preset in Object(entry.Value, PresetsKey).EnumerateObject())
            {
                _presets[preset.Name] = Object(preset.Value, $"{PresetsKey}.{preset.Name}").EnumerateObject().ToDictionary(one => one.Name, one => one.Value);
            }
        }
    }

    /// <summary>Chooses a named set; the same option in every command that paints.</summary>
    public static Option<string?> Preset() => new(PresetOption) { Description = "A named set of options from config.json; see 'sd config'.", HelpName = "name" };

    public IReadOnlyDictionary<string, JsonElement> Defaults => _defaults;

    public IReadOnlyDictionary<string, Dictionary<string, JsonElement>> Presets => _presets;

    /// <summary>Reads the user's file; without one there are no defaults.</summary>
    /// <exception cref="RequestException">It is no JSON object of options.</exception>
    public static UserDefaults Read(string path)
    {
        try
        {
            var text = File.Exists(path) ? File.ReadAllText(path) : "{}";
            using var document = StrictJson.Parse(text, new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new UserDefaults(path, document.RootElement.Clone())
                : throw new RequestException($"{path} must be a JSON object of options, such as {{\"steps\": 30}}.");
        }
        catch (JsonException error)
        {
            throw new RequestException($"{path} is not valid JSON: {OneLine.Of(error.Message)}", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new RequestException($"{path} cannot be read: {OneLine.Of(error.Message)}", error);
        }
    }

    /// <summary>A command line with what it leaves open taken from here.</summary>
    /// <param name="parsed">The command line, parsed without errors.</param>
    /// <param name="root">The program's commands.</param>
    /// <param name="arguments">What was parsed.</param>
    public ParseResult Complete(ParseResult parsed, RootCommand root, IReadOnlyList<string> arguments)
    {
        if (!TakesDefaults(parsed.CommandResult.Command))
        {
            return parsed;
        }

        // By their options, which may be written in several ways.
        var entries = new Dictionary<string, IReadOnlyList<string>>();
        foreach (var level in (IEnumerable<Dictionary<string, JsonElement>>)[_defaults, PresetOf(parsed)])
        {
            foreach (var group in level.Where(entry => entry.Key != PresetKey).GroupBy(entry => Find(parsed.CommandResult.Command, entry.Key)?.Name ?? entry.Key))
            {
                entries[group.Key] = group.Count() == 1
                    ? [.. Tokens(group.Single().Key, group.Single().Value, parsed, root)]
                    : throw new RequestException($"{_path}: {string.Join(" and ", group.Select(entry => $"'{OneLine.Of(entry.Key)}'"))} are one option; give it once.");
            }
        }

        var added = entries.Values.SelectMany(tokens => tokens).ToList();
        return added.Count == 0 ? parsed : Checked(root.Parse((IReadOnlyList<string>)[.. arguments.TakeWhile(one => one != "--"), .. added, .. arguments.SkipWhile(one => one != "--")], CommandLine.Parser));
    }

    /// <summary>The option that a message is about and that nobody typed; null where there is none.</summary>
    /// <param name="message">What is wrong.</param>
    /// <param name="typed">The command line.</param>
    /// <param name="completed">The same with what the file sets.</param>
    public static string? BlamedBy(string message, ParseResult typed, ParseResult completed) =>
        completed.CommandResult.Command.Options.FirstOrDefault(option =>
            completed.GetResult(option) is { Implicit: false } && typed.GetResult(option) is not { Implicit: false }
            && message.Split(' ', ',', ';', ':', '.').Any(word => word == option.Name || option.Aliases.Contains(word)))?.Name;

    /// <summary>The set that the command line names, or else the file itself; empty where neither does.</summary>
    private Dictionary<string, JsonElement> PresetOf(ParseResult parsed)
    {
        if (_presets.FirstOrDefault(preset => preset.Value.ContainsKey(PresetKey)) is { Key: { } nested })
        {
            throw new RequestException($"{_path}: the preset {OneLine.Quote(nested)} names a preset itself; it can hold other options only.");
        }

        var typed = parsed.GetValue<string?>(PresetOption);
        var name = typed ?? (_defaults.TryGetValue(PresetKey, out var usual) && usual.ValueKind != JsonValueKind.Null ? Text(PresetKey, usual) : null);
        return name is null ? [] : _presets.GetValueOrDefault(name) ?? throw new RequestException(
            $"{(typed is null ? $"'{PresetKey}'" : PresetOption)} {OneLine.Quote(name)} is not in {_path}; it has {(_presets.Count == 0 ? "none" : string.Join(", ", _presets.Keys))}.");
    }

    /// <summary>An error can only come from here, since the command line alone had none.</summary>
    private ParseResult Checked(ParseResult parsed) =>
        parsed.Errors.Count == 0 ? parsed : throw new RequestException($"{_path}: {UsageError.Describe(parsed)}.");

    private IEnumerable<string> Tokens(string key, JsonElement value, ParseResult parsed, RootCommand root)
    {
        var ofRoot = Find(root, key);
        var option = Find(parsed.CommandResult.Command, key);

        // One that takes something else under the same name is another: explain's --output is a page, and no picture.
        if (option is null || (ofRoot is not null && ofRoot.HelpName != option.HelpName))
        {
            return ofRoot is not null || root.Subcommands.Any(command => TakesDefaults(command) && Find(command, key) is not null)
                ? []
                : throw new RequestException($"{_path}: there is no option '{OneLine.Of(key)}'; see 'sd help all' for their names.");
        }

        var isGiven = parsed.GetResult(option) is { Implicit: false }
            || (option.Name == "--model" && Environment.GetEnvironmentVariable(ModelLocation.Variable) is { Length: > 0 })
            || (option.Name == "--prompt" && parsed.CommandResult.Children.OfType<System.CommandLine.Parsing.ArgumentResult>().Any(result => result.Argument.Name == "prompt" && result.Tokens.Count > 0));
        return isGiven ? [] : value.ValueKind switch
        {
            JsonValueKind.True => [option.Name],
            JsonValueKind.False or JsonValueKind.Null => [],
            JsonValueKind.Array => value.EnumerateArray().SelectMany(one => Words(option, Text(key, one))),
            _ => Words(option, Text(key, value)),
        };
    }

    /// <summary>An option and its value: one word, since a value may look like an option, but for an empty one, which would be missing there.</summary>
    private static IEnumerable<string> Words(Option option, string value) => value.Length > 0 ? [$"{option.Name}={value}"] : [option.Name, value];

    /// <summary>Whether a command paints, and so takes what the user has set for that.</summary>
    private static bool TakesDefaults(Command command) => command.Options.Any(option => option.Name == PresetOption);

    /// <summary>The option that a key names by any of its long names, with - or _ between words.</summary>
    private static Option? Find(Command command, string key) => command.Options.FirstOrDefault(option =>
        option.Aliases.Append(option.Name).Any(name => name.StartsWith("--", StringComparison.Ordinal) && OptionNames.FieldOf(name) == OptionNames.FieldOf(key)));

    private string Text(string key, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Number => value.GetRawText(),
        _ => throw new RequestException($"{_path}: '{OneLine.Of(key)}' must be a text, a number, true or false, not {OneLine.Of(value.GetRawText())}."),
    };

    private JsonElement Object(JsonElement value, string key) => value.ValueKind == JsonValueKind.Object
        ? value
        : throw new RequestException($"{_path}: '{OneLine.Of(key)}' must be an object of options, such as {{\"draft\": {{\"steps\": 8}}}} under presets.");
}
