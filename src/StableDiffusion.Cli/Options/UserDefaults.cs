using System.CommandLine;
using System.Text.Json;

namespace StableDiffusion.Cli;

/// <summary>
/// The user's own defaults: an object of option names and values in <c>config.json</c>, and named sets of them under <c>presets</c>.
/// What the command line gives stands above a preset, a preset above the defaults; <c>SD_MODEL</c> stands above both.
/// </summary>
internal sealed class UserDefaults
{
    public const string FileName = "config.json";

    private const string PresetOption = "--preset";
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
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
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
        if (!parsed.CommandResult.Command.Options.Any(option => option.Name == PresetOption))
        {
            return parsed;
        }

        var entries = new Dictionary<string, JsonElement>(_defaults);
        if (parsed.GetValue<string?>(PresetOption) is { } name)
        {
            var preset = _presets.GetValueOrDefault(name) ?? throw new RequestException(
                $"--preset {OneLine.Quote(name)} is not in {_path}; it has {(_presets.Count == 0 ? "none" : string.Join(", ", _presets.Keys))}.");
            foreach (var (key, value) in preset)
            {
                entries[key] = value;
            }
        }

        var added = entries.SelectMany(entry => Tokens(entry.Key, entry.Value, parsed, root)).ToList();
        return added.Count == 0 ? parsed : Checked(root.Parse((IReadOnlyList<string>)[.. arguments.TakeWhile(one => one != "--"), .. added, .. arguments.SkipWhile(one => one != "--")], CommandLine.Parser));
    }

    /// <summary>An error can only come from here, since the command line alone had none.</summary>
    private ParseResult Checked(ParseResult parsed) =>
        parsed.Errors.Count == 0 ? parsed : throw new RequestException($"{_path}: {UsageError.Describe(parsed)}.");

    private IEnumerable<string> Tokens(string key, JsonElement value, ParseResult parsed, RootCommand root)
    {
        var name = "--" + key.Replace('_', '-');
        var option = Find(parsed.CommandResult.Command, name);
        if (option is null)
        {
            return Find(root, name) is not null ? [] : throw new RequestException($"{_path}: there is no option '{OneLine.Of(key)}'; see 'sd help all' for their names.");
        }

        var isGiven = parsed.GetResult(option) is { Implicit: false } || (option.Name == "--model" && Environment.GetEnvironmentVariable(ModelLocation.Variable) is { Length: > 0 });
        return isGiven ? [] : value.ValueKind switch
        {
            JsonValueKind.True => [option.Name],
            JsonValueKind.False or JsonValueKind.Null => [],
            JsonValueKind.Array => value.EnumerateArray().Select(one => $"{option.Name}={Text(key, one)}"),
            _ => [$"{option.Name}={Text(key, value)}"],
        };
    }

    private static Option? Find(Command command, string name) => command.Options.FirstOrDefault(option => option.Name == name || option.Aliases.Contains(name));

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
