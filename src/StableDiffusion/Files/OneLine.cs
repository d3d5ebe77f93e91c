using System.Text;

namespace StableDiffusion;

/// <summary>Keeps foreign text from breaking a message out of its one line.</summary>
internal static class OneLine
{
    private const int Longest = 80;

    /// <summary>The text with every control character, line breaks among them, shown as a space.</summary>
    public static string Of(string text)
    {
        var line = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            line.Append(char.IsControl(c) || c is '\u2028' or '\u2029' ? ' ' : c);
        }

        return line.ToString();
    }

    /// <summary>The text with its end left out where it would fill the message.</summary>
    public static string Shorten(string text) => text.Length <= Longest ? text : $"{text[..Longest].TrimEnd()}…";

    /// <summary>A message of a library on one line, its middle left out where it quotes half a file.</summary>
    public static string Reason(string message)
    {
        var line = Of(message).Trim();
        return line.Length <= 3 * Longest ? line : $"{line[..Longest]} … {line[^Longest..]}";
    }

    /// <summary>The text as part of a sentence: in quotes only where it has spaces or is empty.</summary>
    public static string Quote(string text)
    {
        var line = Of(text);
        return line.Length == 0 || line.Contains(' ', StringComparison.Ordinal) ? $"'{line}'" : line;
    }
}
