using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace StableDiffusion;

/// <summary>The one place where a model's JSON files are read. What is wrong with one is a <see cref="ModelException"/> that names it.</summary>
internal static partial class ModelJson
{
    /// <summary>Levels of objects and lists; those of models have five.</summary>
    private const int MostLevels = 64;

    private static readonly UTF8Encoding _strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads a file that holds one object.</summary>
    /// <param name="path">The file.</param>
    /// <param name="hasBareNumbers">Whether <c>Infinity</c> and <c>NaN</c> may stand in it as Python writes them; they are read as texts.</param>
    /// <exception cref="ModelException">The file is missing, no text, or no such JSON.</exception>
    public static JsonElement Read(string path, bool hasBareNumbers = false)
    {
        var text = ModelText.Read(path);
        text = hasBareNumbers ? BareNumber().Replace(text, "$1\"$2\"") : text;
        try
        {
            var bytes = _strict.GetBytes(text);
            StrictJson.RequireWholeTexts(bytes, new JsonReaderOptions { MaxDepth = MostLevels });
            using var document = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = MostLevels });
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document.RootElement.Clone()
                : throw new ModelException($"{path} is not a JSON object.");
        }
        catch (JsonException error)
        {
            throw new ModelException($"{path} is not valid JSON{Where(error)}: {Reason(text, error)}", error);
        }
    }

    private static string Where(JsonException error) =>
        error.LineNumber is { } line ? string.Create(CultureInfo.InvariantCulture, $" (line {line + 1})") : "";

    private static string Reason(string text, JsonException error)
    {
        if (error.InnerException is InvalidOperationException)
        {
            return error.Message;
        }

        var line = text.Split('\n').ElementAtOrDefault((int)(error.LineNumber ?? 0)) ?? "";
        return PythonWord().Match(line) is { Success: true, Value: var word }
            ? $"it holds Python's {word}; JSON writes {(word == "None" ? "null" : word.ToLowerInvariant())}."
            : $"{OneLine.Reason(Position().Replace(error.Message, ""))} Download it again.";
    }

    [GeneratedRegex("""([:\[,]\s*)(-?Infinity|NaN)(?=\s*[,\]}])""")]
    private static partial Regex BareNumber();

    [GeneratedRegex(@"(?<=[:\[,]\s*)(True|False|None)(?=\s*([,\]}\r]|$))")]
    private static partial Regex PythonWord();

    [GeneratedRegex(@" (Path: .*? \| )?LineNumber: .*$", RegexOptions.Singleline)]
    private static partial Regex Position();
}
