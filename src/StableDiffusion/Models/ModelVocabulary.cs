using System.Text.Json;
using System.Text.RegularExpressions;

namespace StableDiffusion;

/// <summary>
/// What a small model was taught, from the <c>vocabulary.json</c> in its folder: concepts with their other names, styles, backgrounds, and neutral
/// words, which may stand in a prompt and change nothing. Models trained on the open web have none, because no list holds what they know.
/// </summary>
internal sealed partial class ModelVocabulary
{
    /// <summary>Words that carry no picture, whether or not the captions had them.</summary>
    private static readonly string[] _connectors = ["a", "an", "the", "and", "of", "on", "in", "with", "background", "break"];

    private readonly HashSet<string> _words;

    private ModelVocabulary(
        IReadOnlyList<Concept> concepts, IReadOnlyList<string> styles, IReadOnlyList<string> backgrounds, IEnumerable<string> otherTexts)
    {
        Concepts = concepts;
        Styles = styles;
        Backgrounds = backgrounds;
        string[] texts = [.. concepts.SelectMany(concept => concept.Names.Prepend(concept.Label)), .. styles, .. backgrounds, .. otherTexts];
        _words = [.. texts.SelectMany(WordsOf), .. _connectors];
    }

    /// <summary>What it can paint, in alphabetical order.</summary>
    public IReadOnlyList<Concept> Concepts { get; }

    /// <summary>How it can paint.</summary>
    public IReadOnlyList<string> Styles { get; }

    /// <summary>The colours of background it knows.</summary>
    public IReadOnlyList<string> Backgrounds { get; }

    /// <summary>One thing the model was taught.</summary>
    /// <param name="Label">Its name, as a prompt calls it.</param>
    /// <param name="Styles">The styles it was seen in.</param>
    /// <param name="Names">Other names that it was taught by; may be empty.</param>
    public sealed record Concept(string Label, IReadOnlyList<string> Styles, IReadOnlyList<string> Names);

    /// <summary>The words of a prompt that name nothing the model was taught and are not neutral, each once, in order.</summary>
    public IReadOnlyList<string> UnknownWords(string prompt) => [.. WordsOf(prompt).Where(word => !_words.Contains(word)).Distinct()];

    /// <summary>Reads a model's vocabulary; null where it has none.</summary>
    internal static ModelVocabulary? Read(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        var root = ModelJson.Read(path);
        try
        {
            JsonElement[] concepts = [.. root.GetProperty("concepts").EnumerateArray()];
            JsonProperty[] styles = [.. root.GetProperty("styles").EnumerateObject()];
            return new ModelVocabulary(
                [.. concepts.Select(concept => new Concept(
                    TextOf(concept.GetProperty("label")),
                    Texts(concept.GetProperty("styles")),
                    OptionalTexts(concept, "names")))],
                [.. styles.Select(style => style.Name)],
                Texts(root.GetProperty("backgrounds")),
                [
                    .. styles.SelectMany(style => Texts(style.Value)),
                    .. concepts.SelectMany(concept => OptionalTexts(concept, "plurals").Concat(OptionalTexts(concept, "keywords"))),
                    .. OptionalTexts(root, "neutral"),
                ]);
        }
        catch (Exception error) when (error is KeyNotFoundException or InvalidOperationException)
        {
            throw new ModelException($"{path} is no vocabulary: {OneLine.Of(error.Message)} Delete it, or fetch the model again.", error);
        }
    }

    private static string[] Texts(JsonElement list) => [.. list.EnumerateArray().Select(TextOf)];

    private static string TextOf(JsonElement text) => text.GetString() ?? throw new InvalidOperationException("null stands where a text is needed.");

    private static string[] OptionalTexts(JsonElement owner, string name) => owner.TryGetProperty(name, out var list) ? Texts(list) : [];

    private static IEnumerable<string> WordsOf(string text) => Word().Matches(text.ToLowerInvariant()).Select(match => match.Value);

    [GeneratedRegex(@"[\p{L}\p{Nd}]*\p{L}[\p{L}\p{Nd}]*", RegexOptions.CultureInvariant)]
    private static partial Regex Word();
}
