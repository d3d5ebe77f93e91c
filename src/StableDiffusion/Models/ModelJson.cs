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
            RequireWholeTexts(bytes);
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

    /// <summary>Half a surrogate pair, written as an escape, is no text: it could be neither shown nor compared.</summary>
    private static void RequireWholeTexts(byte[] bytes)
    {
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = MostLevels });
        while (reader.Read())
        {
            if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName) || !reader.ValueIsEscaped)
            {
                continue;
            }

            try
            {
                reader.GetString();
            }
            catch (InvalidOperationException error)
            {
                var line = bytes.AsSpan(0, (int)reader.TokenStartIndex).Count((byte)'\n');
                throw new JsonException(
                    $"the text {OneLine.Shorten(Encoding.UTF8.GetString(reader.ValueSpan))} has half of a character (a lone surrogate).", null, line, null, error);
            }
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
