using System.Text;

namespace StableDiffusion;

/// <summary>Keeps foreign text from breaking a message out of its one line.</summary>
internal static class OneLine
{
    private const int Longest = 80;

    private const int LongestMessage = 1500;

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
    public static string Shorten(string text) => text.Length <= Longest ? text : $"{Beginning(text, Longest).TrimEnd()}…";

    /// <summary>A message of a library on one line, its middle left out where it quotes half a file.</summary>
    public static string Reason(string message)
    {
        var line = Of(message).Trim();
        return line.Length <= 3 * Longest ? line : WithoutMiddle(line, Longest);
    }

    /// <summary>A message that can be read, whatever it quotes: one line, and the middle of one longer than any of ours is left out.</summary>
    public static string Bounded(string message) => Of(message.Length <= LongestMessage ? message : WithoutMiddle(message, LongestMessage / 2));

    private static string WithoutMiddle(string text, int kept) =>
        $"{Beginning(text, kept)} … {text[(char.IsLowSurrogate(text[^kept]) ? ^(kept - 1) : ^kept)..]}";

    private static string Beginning(string text, int length) => text[..(char.IsHighSurrogate(text[length - 1]) ? length - 1 : length)];

    /// <summary>The text as part of a sentence: in quotes only where it has spaces or is empty.</summary>
    public static string Quote(string text)
    {
        var line = Of(text);
        return line.Length == 0 || line.Contains(' ', StringComparison.Ordinal) ? $"'{line}'" : line;
    }
}
