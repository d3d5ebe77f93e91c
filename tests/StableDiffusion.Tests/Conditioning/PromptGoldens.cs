using System.Text.Json;

namespace StableDiffusion.Tests;

/// <summary>The rows of prompts/prompts.json, and the tokenizers of the models that they are for.</summary>
internal static class PromptGoldens
{
    private static readonly Lazy<Dictionary<string, JsonElement>> _rows = new(() =>
        JsonDocument.Parse(File.ReadAllBytes(Goldens.PathOf("prompts", "prompts.json"))).RootElement
            .EnumerateArray().ToDictionary(row => row.GetProperty("name").GetString()!));

    private static readonly Dictionary<string, Lazy<ClipTokenizer>> _tokenizers = new[] { "sd1", "sd2" }.ToDictionary(
        model => model,
        model => new Lazy<ClipTokenizer>(() => ClipTokenizer.Load(Goldens.PathOf("models", model, "tokenizer"))));

    public static TheoryData<string> Names() => [.. _rows.Value.Keys];

    public static JsonElement Row(string name) => _rows.Value[name];

    public static ClipTokenizer Tokenizer(string model) => _tokenizers[model].Value;
}
