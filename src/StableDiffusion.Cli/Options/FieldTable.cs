using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>
/// The options that one line of a batch file may give: those of the command line, by any of their names, with - or _ between words, and
/// <c>output</c>, <c>index</c> and <c>picture</c>.
/// </summary>
internal sealed class FieldTable
{
    public const string Prompt = "prompt";
    public const string Seed = "seed";
    public const string VariationSeed = "variation_seed";
    public const string VariationStrength = "variation_strength";
    public const string BatchCount = "batch_count";
    public const string Output = "output";
    public const string Index = "index";

    /// <summary>One of several pictures of a seed, counted from 0: the others are not kept.</summary>
    public const string Picture = "picture";
    public const string BatchSize = "batch_size";
    public const string SchedulerConfig = "scheduler_config";

    /// <summary>Options of the webui's files that are about its own user interface and folders.</summary>
    private static readonly HashSet<string> _ofWebUi =
        ["do_not_save_grid", "do_not_save_samples", "outpath_samples", "outpath_grids", "prompt_for_display", "save_images", "styles", "sd_model"];

    /// <summary>Those that change the picture there, with the values that change nothing.</summary>
    private static readonly Dictionary<string, string[]> _neutral = new()
    {
        ["restore_faces"] = ["false", "0", ""],
        ["seed_resize_from_h"] = ["0", "-1", ""],
        ["seed_resize_from_w"] = ["0", "-1", ""],
    };

    /// <summary>What people call fields in tables, besides the options' own names.</summary>
    private static readonly Dictionary<string, string> _synonyms = new() { ["denoising_strength"] = "strength", ["positive_prompt"] = Prompt };

    private static readonly HashSet<string> _manyWords = [Prompt, "negative_prompt", "prompt_2", "negative_prompt_2"];

    private readonly ImageOptions _image;
    private readonly Dictionary<string, Option> _byName = [];

    /// <param name="image">The options of the command line that gives the defaults.</param>
    public FieldTable(ImageOptions image)
    {
        _image = image;
        Option[] ofLines = [new Option<string>("--" + Output), new Option<int>("--" + Index), new Option<int>("--" + Picture)];
        foreach (var option in (IEnumerable<Option>)[.. image.All, .. ofLines])
        {
            Names = [.. Names, OptionNames.FieldOf(option.Name)];
            foreach (var name in (IEnumerable<string>)[option.Name, .. option.Aliases])
            {
                // Two names that differ in - and _ alone are one; that of A1111 was there first.
                _byName.TryAdd(name.TrimStart('-').Length == 1 ? name : OptionNames.FieldOf(name), option);
            }
        }
    }

    /// <summary>The names of all fields, in the order in which they are written.</summary>
    public IReadOnlyList<string> Names { get; } = [];

    /// <summary>The field that an option, column or JSON member of this name is, such as <c>cfg_scale</c> for <c>--guidance-scale</c>.</summary>
    /// <exception cref="RequestException">There is none.</exception>
    public string NameOf(string name) =>
        TryNameOf(name, out var field)
            ? field
            : throw new RequestException(
                IsOfProgram(name)
                    ? $"{OneLine.Quote(name)} is the same for all lines; take it out, and give it to the command."
                    : $"there is no option {OneLine.Quote(name)}; see batch --help for all that a line may have.");

    /// <summary>Whether a name is of the webui's files and says nothing that this program could do.</summary>
    public static bool IsForeign(string name) => _ofWebUi.Contains(FieldName(name)) || _neutral.ContainsKey(FieldName(name));

    /// <summary>Whether a name is of an option that is not of a picture but of the run: all lines share it.</summary>
    public static bool IsOfProgram(string name)
    {
        var program = new ProgramOptions();
        return ((IEnumerable<Option>)[program.Model, .. program.All]).Any(option => OptionNames.FieldOf(option.Name) == FieldName(name));
    }

    /// <summary>Leaves such a field out and says so, or refuses it where it would change the picture.</summary>
    public static void LeaveOut(string name, string value, Action<string> note)
    {
        var field = FieldName(name);
        if (_neutral.TryGetValue(field, out var neutral) && !neutral.Contains(value.Trim().ToLowerInvariant()))
        {
            throw new RequestException($"{field} {OneLine.Quote(value)} is not supported; take it out to paint the line without it.");
        }

        note($"{field} says nothing about the picture and is left out.");
    }

    /// <summary>A value as its option takes it: whole numbers without the .0 of spreadsheets.</summary>
    public string Normal(string field, string value) =>
        _byName.TryGetValue(field, out var option) && LineFields.TypeOf(option) == typeof(int) && Numbers.TryWhole(value, out var number)
            ? number.ToString(CultureInfo.InvariantCulture)
            : field == Seed && value.EndsWith(".0", StringComparison.Ordinal) ? value[..^2]
            : value;

    private static string FieldName(string name) => OptionNames.FieldOf(name.Trim()).Replace(' ', '_');

    /// <summary>The same without an exception.</summary>
    public bool TryNameOf(string name, out string field)
    {
        var wanted = name.StartsWith('-') && name.Length == 2 ? name : FieldName(name);
        var found = _byName.TryGetValue(_synonyms.GetValueOrDefault(wanted, wanted), out var option);
        field = found ? OptionNames.FieldOf(option!.Name) : "";
        return found;
    }

    /// <summary>Whether a line may give the field several times, or as a list.</summary>
    public bool IsList(string field) => _byName.TryGetValue(field, out var option) && option.ValueType == typeof(string[]);

    /// <summary>Whether the field is one that needs no value.</summary>
    public bool IsFlag(string field) => _byName.TryGetValue(field, out var option) && option.ValueType == typeof(bool);

    /// <summary>Whether the field's values are files, or folders of networks, that the picture depends on.</summary>
    public bool IsFile(string field) =>
        _byName.TryGetValue(field, out var option) && option.HelpName is { } name
        && (name.Contains("file", StringComparison.OrdinalIgnoreCase) || name.Contains("folder", StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether the words of a text line up to the next option all belong to this field, as A1111 reads them.</summary>
    public static bool TakesManyWords(string field) => _manyWords.Contains(field);

    /// <summary>What a command line gives for all lines that do not say otherwise.</summary>
    public LineFields Defaults(ParseResult commandLine) => new(
        from option in _image.All
        let result = commandLine.GetResult(option)
        where result is { Implicit: false }
        select KeyValuePair.Create(
            OptionNames.FieldOf(option.Name),
            (IReadOnlyList<string>)(result.Tokens.Count > 0 ? [.. result.Tokens.Select(token => token.Value)] : ["true"])));

    /// <summary>The request that the fields of one job make.</summary>
    /// <exception cref="RequestException">A value makes no sense; the message names the field.</exception>
    public ImageRequest Request(LineFields fields)
    {
        if (!fields.TryGetValue(Prompt, out var prompt))
        {
            throw new RequestException("there is no prompt (\"\" paints without one).");
        }

        foreach (var (field, values) in fields)
        {
            // Before anything is read from a file, and in the order of the line.
            if (field is not (Prompt or Output or Index) && _byName[field] is var option && !IsList(field))
            {
                LineFields.ValueOf(option, values[0]);
            }
        }

        return _image.Request(fields, prompt[0]);
    }

    /// <summary>Which pictures of its seed a job is for: the one that <see cref="Picture"/> names, or all.</summary>
    /// <exception cref="RequestException">There is none of that number.</exception>
    public static IReadOnlyList<int> PicturesOf(LineFields fields, ImageRequest request) =>
        !fields.TryGetValue(Picture, out var picture) ? [.. Enumerable.Range(0, request.PicturesPerSeed)]
        : Numbers.TryWhole(picture[0], out var number) && number >= 0 && number < request.PicturesPerSeed ? [number]
        : throw new RequestException($"{Picture} {OneLine.Quote(picture[0])} must be a number from 0 to {request.PicturesPerSeed - 1}, for each seed has {request.PicturesPerSeed}.");

    /// <summary>The quality of JPEG and WebP that the fields of a job ask for, which <see cref="Request"/> has checked.</summary>
    public int QualityOf(LineFields fields) => _image.QualityOf(fields);

    /// <summary>The fields as a JSON object that is a line of a batch file, numbers as numbers.</summary>
    public JsonObject ToJson(LineFields fields)
    {
        var json = new JsonObject();
        foreach (var name in Names)
        {
            if (fields.TryGetValue(name, out var values))
            {
                json[name] = IsList(name)
                    ? new JsonArray([.. values.Select(value => JsonValue.Create(PromptExpansion.Escape(value)))])
                    : Value(_byName[name], name, values[0]);
            }
        }

        return json;
    }

    private static JsonValue Value(Option option, string name, string value)
    {
        var type = LineFields.TypeOf(option);
        var isNumber = type == typeof(int) || type == typeof(double) || (name == Seed && ulong.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out _)) || (name == Seed && value == "-1");
        return isNumber && JsonNumber(value) is { } number ? number : JsonValue.Create(PromptExpansion.Escape(value));
    }

    private static JsonValue? JsonNumber(string text)
    {
        try
        {
            return JsonNode.Parse(text) as JsonValue is { } value && value.GetValueKind() == JsonValueKind.Number ? value : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
