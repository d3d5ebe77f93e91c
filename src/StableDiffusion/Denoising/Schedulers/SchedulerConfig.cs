using System.Collections.Frozen;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace StableDiffusion;

/// <summary>
/// A <c>scheduler_config.json</c> of diffusers, read whole: the class and every parameter of it, with that class's own default
/// where the file is silent. Keys that the class does not have are kept for when another class is chosen.
/// </summary>
internal sealed class SchedulerConfig
{
    private const string NoFile = "the scheduler configuration";

    private readonly string _where;
    private readonly IReadOnlyDictionary<string, JsonElement> _given;
    private readonly IReadOnlySet<string> _asked;
    private readonly IReadOnlySet<string> _mended;
    private readonly FrozenDictionary<string, SchedulerParameter> _parameters;
    private readonly Dictionary<string, object?> _values = [];

    /// <param name="where">The file, for messages.</param>
    /// <param name="className">The diffusers class.</param>
    /// <param name="given">What the file says, with what is laid over it.</param>
    /// <param name="asked">The keys that were set by hand.</param>
    /// <param name="mended">The keys that the file does not have and a pipeline sets for the file's own class.</param>
    private SchedulerConfig(
        string where, string className, IReadOnlyDictionary<string, JsonElement> given, IReadOnlySet<string> asked, IReadOnlySet<string> mended)
    {
        (_where, _given, _asked, _mended, ClassName) = (where, given, asked, mended, className);

        // The keys of a class that is not here serve all others.
        _parameters = SchedulerParameters.ByClass.GetValueOrDefault(className) ?? FrozenDictionary<string, SchedulerParameter>.Empty;

        foreach (var parameter in _parameters.Values)
        {
            _values[parameter.Name] = parameter.Default;
            if (given.TryGetValue(parameter.Name, out var value))
            {
                // What was set by hand may be meant for a class that is chosen later: it is refused when a scheduler is built.
                if (TryRead(parameter, value, out var read))
                {
                    _values[parameter.Name] = read;
                }
                else if (asked.Contains(parameter.Name))
                {
                    Refusal ??= Complaint(parameter, value);
                }
                else
                {
                    throw new ModelException($"{where}: {Complaint(parameter, value)}");
                }
            }
        }
    }

    /// <summary>The diffusers class, such as <c>PNDMScheduler</c>.</summary>
    public string ClassName { get; }

    /// <summary>Reads a <c>scheduler_config.json</c>.</summary>
    /// <exception cref="ModelException">The file is missing or is no such configuration; the message names file and key.</exception>
    public static SchedulerConfig Load(string path) => Parse(ModelJson.Read(path, hasBareNumbers: true), path);

    /// <summary>Takes over the keys of a configuration that is already parsed.</summary>
    /// <exception cref="ModelException">It is no scheduler configuration; the message names the key.</exception>
    public static SchedulerConfig Parse(JsonElement json) => Parse(json, NoFile);

    /// <summary>The same configuration with one parameter set, as an argument of diffusers' <c>from_config</c> does.</summary>
    /// <param name="key">A parameter's name, or <c>_class_name</c> for another class: missing parameters then take that class's defaults.</param>
    /// <param name="value">Its value; null is allowed where the parameter has no default.</param>
    /// <exception cref="RequestException">No scheduler has such a parameter, or the value does not suit it.</exception>
    public SchedulerConfig With(string key, JsonNode? value)
    {
        if (key == "_class_name")
        {
            return WithClass(value?.ToString() ?? "");
        }

        var element = ElementOf(value);
        var parameters = SchedulerParameters.ByClass.Values
            .Select(byKey => byKey.GetValueOrDefault(key))
            .OfType<SchedulerParameter>()
            .ToArray();
        if (parameters.Length == 0)
        {
            throw new RequestException(
                $"No scheduler has a parameter \"{key}\"; names are those of diffusers, such as use_karras_sigmas.");
        }

        if (!parameters.Any(parameter => TryRead(parameter, element, out _)))
        {
            throw new RequestException(Complaint(_parameters.GetValueOrDefault(key) ?? parameters[0], element));
        }

        return new SchedulerConfig(_where, ClassName, Given(key, element), _asked.Append(key).ToHashSet(), _mended.Where(mended => mended != key).ToHashSet());
    }

    /// <summary>
    /// The same configuration as a pipeline mends it: a key that the file has gets this value for good, one that only the class has gets it until another
    /// class is chosen, for diffusers' <c>from_config</c> leaves out what was never given. Any other stays away.
    /// </summary>
    internal SchedulerConfig Mended(string key, JsonNode value) =>
        _given.ContainsKey(key) ? new(_where, ClassName, Given(key, ElementOf(value)), _asked, _mended)
        : _parameters.ContainsKey(key) ? new(_where, ClassName, Given(key, ElementOf(value)), _asked, _mended.Append(key).ToHashSet())
        : this;

    /// <summary>The same keys read by another diffusers class: it ignores what it does not have and uses its own defaults for the rest.</summary>
    /// <exception cref="RequestException">There is no such class here.</exception>
    public SchedulerConfig WithClass(string className)
    {
        if (!SchedulerParameters.ByClass.ContainsKey(className))
        {
            throw new RequestException($"There is no scheduler class \"{className}\" here; see the list of schedulers.");
        }

        return className == ClassName
            ? this
            : new SchedulerConfig(_where, className, _given.Where(entry => !_mended.Contains(entry.Key)).ToDictionary(), _asked, new HashSet<string>());
    }

    /// <summary>Refuses to go on with a class that is not here.</summary>
    /// <exception cref="ModelException">It is not; the message lists those that are.</exception>
    internal SchedulerConfig RequireKnown() => _parameters.Count > 0 ? this : throw new ModelException(
        $"{_where}: there is no scheduler \"{OneLine.Shorten(OneLine.Of(ClassName))}\" here; choose one, or write into \"_class_name\" one of "
        + $"{string.Join(", ", SchedulerParameters.ByClass.Keys.Order())}.");

    internal static SchedulerConfig Parse(JsonElement json, string where)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw new ModelException($"{where} holds no scheduler configuration (a JSON object).");
        }

        if (!json.TryGetProperty("_class_name", out var className) || className.ValueKind != JsonValueKind.String)
        {
            throw new ModelException($"{where} does not name the scheduler's class (\"_class_name\").");
        }

        // A key that stands twice has its last value, as in Python.
        var given = new Dictionary<string, JsonElement>();
        foreach (var property in json.EnumerateObject())
        {
            given[property.Name] = property.Value.Clone();
        }

        return new SchedulerConfig(where, className.GetString()!, given, new HashSet<string>(), new HashSet<string>());
    }

    /// <summary>What is wrong for this class with a parameter that was set by hand, or null.</summary>
    internal string? Refusal { get; }

    /// <summary>Parameters that were set by hand but that this class does not have.</summary>
    internal IEnumerable<string> Unused => _asked.Where(key => !_parameters.ContainsKey(key)).Order();

    // Without the serializer, whose first use compiles some sixty methods.
    private static JsonElement ElementOf(JsonNode? value)
    {
        using var json = JsonDocument.Parse(value?.ToJsonString() ?? "null");
        return json.RootElement.Clone();
    }

    private Dictionary<string, JsonElement> Given(string key, JsonElement value) => new(_given) { [key] = value };

    internal bool Has(string key) => _parameters.ContainsKey(key);

    /// <summary>A switch; one that the class does not have is off.</summary>
    internal bool Flag(string key) => _values.TryGetValue(key, out var value) && (bool)value!;

    internal int Whole(string key) => (int)_values[key]!;

    internal double Real(string key) => (double)_values[key]!;

    /// <summary>A number that may be left open; one that the class does not have is.</summary>
    internal double? RealOrNull(string key) => _values.TryGetValue(key, out var value) ? (double?)value : null;

    internal string Text(string key) => (string?)_values[key] ?? "";

    internal double[]? Reals(string key) => (double[]?)_values[key];

    internal int[] Wholes(string key) => (int[])_values[key]!;

    private static bool TryRead(SchedulerParameter parameter, JsonElement value, out object? read)
    {
        if (value.ValueKind == JsonValueKind.Null || (value.ValueKind == JsonValueKind.String && value.ValueEquals("None")))
        {
            read = parameter.Kind == ParameterKind.Flag ? false : parameter.NullIsDefault ? parameter.Default : null;
            return read is not null || parameter.Default is null;
        }

        read = parameter.Kind switch
        {
            ParameterKind.Flag => FlagOf(value),
            ParameterKind.Choice => value.ValueKind == JsonValueKind.String ? parameter.Choices.FirstOrDefault(value.ValueEquals) : null,
            ParameterKind.Whole => WholeOf(value) is { } whole && parameter.Allows(whole) ? whole : null,
            ParameterKind.Real => RealOf(value) is { } real && parameter.Allows(real) ? real : null,
            ParameterKind.Reals => ItemsOf<double>(value, item => RealOf(item) is { } real && parameter.Allows(real) ? real : null),
            _ => ItemsOf(value, WholeOf),
        };
        return read is not null;
    }

    // Settings are copied from Python, too.
    private static bool? FlagOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.String when value.ValueEquals("True") => true,
        JsonValueKind.String when value.ValueEquals("False") => false,
        _ => null,
    };

    private static int? WholeOf(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.GetDouble() is var number && number == (int)number ? (int)number : null;

    private static double? RealOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => value.GetDouble(),
        JsonValueKind.String when value.GetString() == "-Infinity" => double.NegativeInfinity,
        JsonValueKind.String when value.GetString() == "Infinity" => double.PositiveInfinity,
        _ => null,
    };

    private static T[]? ItemsOf<T>(JsonElement value, Func<JsonElement, T?> read)
        where T : struct
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        var items = value.EnumerateArray().Select(read).ToArray();
        return items.All(item => item.HasValue) ? [.. items.Select(item => item!.Value)] : null;
    }

    private static string Complaint(SchedulerParameter parameter, JsonElement value)
    {
        var wanted = parameter.Kind switch
        {
            ParameterKind.Choice when parameter.Choices.Length == 0 => "null",
            ParameterKind.Choice => $"one of {string.Join(", ", parameter.Choices)}",
            ParameterKind.Flag => "true or false",
            ParameterKind.Real => $"a number{RangeOf(parameter)}",
            ParameterKind.Reals => "a list of numbers",
            ParameterKind.Whole => $"a whole number{RangeOf(parameter)}",
            _ => "a list of whole numbers",
        };
        return $"Parameter \"{parameter.Name}\" is {OneLine.Shorten(value.GetRawText())}, but must be {wanted}.";
    }

    private static string RangeOf(SchedulerParameter parameter)
    {
        if (parameter.Most < double.MaxValue)
        {
            return string.Create(CultureInfo.InvariantCulture, $" from {parameter.Least} to {parameter.Most}");
        }

        return parameter.Least > 0 ? " above 0" : "";
    }
}
