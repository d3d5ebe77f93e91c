using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace StableDiffusion;

/// <summary>One "Name: value" in the last line of a <see cref="GenerationParameters"/> text.</summary>
internal static partial class InfotextField
{
    /// <summary>The field as text: a value that would not be read back as it stands becomes a JSON string, non-ASCII letters kept.</summary>
    /// <exception cref="ArgumentException">The name is none that a reader recognises.</exception>
    public static string Format(KeyValuePair<string, string> field)
    {
        if (!Key().IsMatch(field.Key))
        {
            throw new ArgumentException($"'{field.Key}' cannot be the name of a field.", nameof(field));
        }

        var value = field.Value;
        // The webui quotes for ',' ':' and line feed alone; the rest would lose its quotes or spaces in its reader.
        var plain = !value.AsSpan().ContainsAny(",:\n") && !value.StartsWith('"') && value.Trim().Length == value.Length;
        return $"{field.Key}: {(plain ? value : Quote(value))}";
    }

    /// <summary>The fields of a line, in order. What is no field is passed over.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> ParseLine(string line)
    {
        var fields = new List<KeyValuePair<string, string>>();
        foreach (Match match in Reading.Field.Matches(line))
        {
            fields.Add(new(match.Groups["key"].Value, Unquote(match.Groups["value"].Value)));
        }

        return fields;
    }

    // json.dumps(text, ensure_ascii=False)
    private static string Quote(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (var c in text)
        {
            _ = c switch
            {
                '"' => quoted.Append("\\\""),
                '\\' => quoted.Append("\\\\"),
                '\n' => quoted.Append("\\n"),
                '\r' => quoted.Append("\\r"),
                '\t' => quoted.Append("\\t"),
                '\b' => quoted.Append("\\b"),
                '\f' => quoted.Append("\\f"),
                < ' ' => quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => quoted.Append(c),
            };
        }

        return quoted.Append('"').ToString();
    }

    private static string Unquote(string text)
    {
        if (text.Length < 2 || text[0] != '"' || text[^1] != '"')
        {
            return text;
        }

        try
        {
            using var json = JsonDocument.Parse(text);
            return json.RootElement.GetString() ?? text;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or ArgumentException)
        {
            return text; // not JSON, or half a surrogate pair, escaped or not
        }
    }

    [GeneratedRegex("""^\w[\w \-/]+\z""", RegexOptions.CultureInvariant)]
    private static partial Regex Key();

    /// <summary>Made when a text is read: whoever only paints does not wait for it.</summary>
    private static class Reading
    {
        // The webui's own pattern (modules/infotext_utils.py, re_param), which decides what any reader sees.
        public static readonly Regex Field = new(
            """\s*(?<key>\w[\w \-/]+):\s*(?<value>"(?:\\.|[^\\"])+"|[^,]*)(?:,|$)""", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking);
    }
}
