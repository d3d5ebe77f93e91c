using System.Globalization;
using System.Text.Json;

namespace StableDiffusion;

/// <summary>One of a model's JSON files; a wrong type is a <see cref="ModelException"/> that names file and key.</summary>
internal sealed class JsonFile
{
    /// <summary>Levels of a network: each halves the size.</summary>
    public const int MostLevels = 10;

    private const int Largest = 1_000_000;

    private const double SmallestDivisor = 1e-6;

    private readonly string _path;
    private readonly JsonElement _root;

    private JsonFile(string path, JsonElement root)
    {
        _path = path;
        _root = root;
    }

    public static JsonFile Read(string path) => new(path, ModelJson.Read(path));

    /// <summary>The first of these files that exists; without one, a file in which every key is absent.</summary>
    public static JsonFile ReadIfExists(params ReadOnlySpan<string> paths)
    {
        foreach (var path in paths)
        {
            if (File.Exists(path))
            {
                return Read(path);
            }
        }

        using var nothing = JsonDocument.Parse("{}");
        return new JsonFile(paths[0], nothing.RootElement.Clone());
    }

    public string? Text(string key) => Find(key, JsonValueKind.String) is { } value ? value.GetString() : null;

    public bool? Flag(string key) =>
        !_root.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
        : throw Wrong(key, "true or false");

    /// <summary>A number that is finite, in float32 too, and not below <paramref name="least"/> or above <paramref name="most"/>.</summary>
    public double? Number(string key, double least = float.MinValue, double most = float.MaxValue) =>
        Find(key, JsonValueKind.Number) is not { } value ? null
        : value.TryGetDouble(out var number) && number >= least && number <= most ? number
        : throw Wrong(key, (least, most) switch
        {
            (float.MinValue, float.MaxValue) => "a number",
            (_, float.MaxValue) => string.Create(CultureInfo.InvariantCulture, $"a number of at least {least}"),
            _ => string.Create(CultureInfo.InvariantCulture, $"a number from {least} to {most}"),
        });

    /// <summary>A number to divide by.</summary>
    public double? NumberNotZero(string key) =>
        Number(key) is not { } value ? null : Math.Abs((float)value) >= SmallestDivisor ? value : throw Wrong(key, "a number other than 0");

    /// <summary>A whole number from 1 to <paramref name="most"/>: sizes that no network has would only fill the memory.</summary>
    public int? Integer(string key, int most = Largest) =>
        Find(key, JsonValueKind.Number) is not { } value ? null : WholeOf(value, most) ?? throw Wrong(key, Whole(most));

    /// <summary>The texts of a list; empty where it is absent.</summary>
    public IReadOnlyList<string> Texts(string key) =>
        Find(key, JsonValueKind.Array) is not { } list ? []
        : list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String) ? [.. list.EnumerateArray().Select(item => item.GetString()!)]
        : throw Wrong(key, "a list of texts");

    /// <summary>Whether a list begins with a text: <c>[null, null]</c> stands for a part that a pipeline does without.</summary>
    public bool BeginsWithText(string key) => Find(key, JsonValueKind.Array) is { } list && list.GetArrayLength() > 0 && list[0].ValueKind == JsonValueKind.String;

    /// <summary>The entries of an object of texts; empty where it is absent.</summary>
    public IReadOnlyList<(string Key, string Text)> TextsByKey(string key) =>
        Find(key, JsonValueKind.Object) is not { } entries ? []
        : entries.EnumerateObject().All(entry => entry.Value.ValueKind == JsonValueKind.String) ? [.. entries.EnumerateObject().Select(entry => (entry.Name, entry.Value.GetString()!))]
        : throw Wrong(key, "an object of texts");

    /// <summary>A list of at most <paramref name="mostItems"/> whole numbers above 0, or one alone; null where it is absent.</summary>
    public IReadOnlyList<int>? Integers(string key, int mostItems = MostLevels)
    {
        if (!_root.TryGetProperty(key, out var value) || value.ValueKind != JsonValueKind.Array)
        {
            return Integer(key) is { } one ? [one] : null;
        }

        var length = value.GetArrayLength();
        var numbers = length <= mostItems ? value.EnumerateArray().Select(item => WholeOf(item, Largest)).OfType<int>().ToList() : [];
        return length > 0 && numbers.Count == length
            ? numbers
            : throw Wrong(key, string.Create(CultureInfo.InvariantCulture, $"whole numbers above 0, at least one and at most {mostItems}"));
    }

    /// <summary>A list of finite numbers, so many; null where it is absent.</summary>
    public IReadOnlyList<float>? Numbers(string key, int count)
    {
        if (Find(key, JsonValueKind.Array) is not { } list)
        {
            return null;
        }

        var numbers = list.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.Number).Select(item => item.GetSingle()).Where(float.IsFinite).ToList();
        return numbers.Count == count && list.GetArrayLength() == count ? numbers : throw Wrong(key, $"a list of {count} numbers");
    }

    /// <summary>A list of numbers to divide by.</summary>
    public IReadOnlyList<float>? NumbersNotZero(string key, int count) =>
        Numbers(key, count) is not { } numbers ? null
        : numbers.All(number => Math.Abs(number) >= SmallestDivisor) ? numbers
        : throw Wrong(key, "numbers other than 0");

    /// <summary>One number that stands for both, or two.</summary>
    public (int First, int Second)? Pair(string key, int most = Largest)
    {
        if (!_root.TryGetProperty(key, out var value) || value.ValueKind != JsonValueKind.Array)
        {
            return Integer(key, most) is { } both ? (both, both) : null;
        }

        return value.GetArrayLength() == 2 && WholeOf(value[0], most) is { } first && WholeOf(value[1], most) is { } second
            ? (first, second)
            : throw Wrong(key, "one number or two");
    }

    // Python writes 4.0 for 4 where it has divided.
    private static int? WholeOf(JsonElement value, int most) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= 1 && number <= most && number == Math.Floor(number)
            ? (int)number
            : null;

    private static string Whole(int most) => string.Create(CultureInfo.InvariantCulture, $"a whole number from 1 to {most}");

    private JsonElement? Find(string key, JsonValueKind kind) =>
        !_root.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == kind ? value
        : throw Wrong(key, kind switch
        {
            JsonValueKind.String => "a text",
            JsonValueKind.Array => "a list",
            JsonValueKind.Object => "an object",
            _ => "a number",
        });

    private ModelException Wrong(string key, string expected) =>
        new($"{_path}: '{key}' is {OneLine.Shorten(OneLine.Of(_root.GetProperty(key).GetRawText()))}; it must be {expected}.");
}
