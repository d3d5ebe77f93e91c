using System.Text.Json;

namespace StableDiffusion;

/// <summary>One of a model's JSON files; a wrong type is a <see cref="ModelException"/> that names file and key.</summary>
internal sealed class JsonFile
{
    private readonly string _path;
    private readonly JsonElement _root;

    private JsonFile(string path, JsonElement root)
    {
        _path = path;
        _root = root;
    }

    public static JsonFile Read(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new JsonFile(path, document.RootElement.Clone())
                : throw new ModelException($"{path} is not a JSON object.");
        }
        catch (JsonException error)
        {
            throw new ModelException($"{path} is not valid JSON: {OneLine.Of(error.Message)}", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{path} cannot be read: {OneLine.Of(error.Message)}", error);
        }
    }

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

    public double? Number(string key) => Find(key, JsonValueKind.Number) is { } value ? value.GetDouble() : null;

    /// <summary>A number to divide by.</summary>
    public double? NumberNotZero(string key) => Number(key) is not { } value ? null : value != 0 ? value : throw Wrong(key, "a number other than 0");

    public int? Integer(string key) =>
        Find(key, JsonValueKind.Number) is not { } value ? null
        : value.TryGetInt32(out var number) && number > 0 ? number
        : throw Wrong(key, "a whole number above 0");

    /// <summary>How many entries an array has.</summary>
    public int? Length(string key) => Find(key, JsonValueKind.Array) is { } value ? value.GetArrayLength() : null;

    /// <summary>The texts of a list; empty where it is absent.</summary>
    public IReadOnlyList<string> Texts(string key) =>
        Find(key, JsonValueKind.Array) is not { } list ? []
        : list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String) ? [.. list.EnumerateArray().Select(item => item.GetString()!)]
        : throw Wrong(key, "a list of texts");

    /// <summary>A list of whole numbers above 0, or one alone; null where it is absent.</summary>
    public IReadOnlyList<int>? Integers(string key)
    {
        if (!_root.TryGetProperty(key, out var value) || value.ValueKind != JsonValueKind.Array)
        {
            return Integer(key) is { } one ? [one] : null;
        }

        var numbers = value.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out var number) ? number : 0).ToList();
        return numbers.Count > 0 && numbers.TrueForAll(number => number > 0) ? numbers : throw Wrong(key, "whole numbers above 0");
    }

    /// <summary>One number that stands for both, or two.</summary>
    public (int First, int Second)? Pair(string key)
    {
        if (!_root.TryGetProperty(key, out var value) || value.ValueKind != JsonValueKind.Array)
        {
            return Integer(key) is { } both ? (both, both) : null;
        }

        return value.GetArrayLength() == 2 && value[0].TryGetInt32(out var first) && value[1].TryGetInt32(out var second)
            ? (first, second)
            : throw Wrong(key, "one number or two");
    }

    private JsonElement? Find(string key, JsonValueKind kind) =>
        !_root.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == kind ? value
        : throw Wrong(key, kind switch
        {
            JsonValueKind.String => "a text",
            JsonValueKind.Array => "a list",
            _ => "a number",
        });

    private ModelException Wrong(string key, string expected) =>
        new($"{_path}: '{key}' is {_root.GetProperty(key).GetRawText()}; it must be {expected}.");
}
