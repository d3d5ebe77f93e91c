using System.Globalization;
using System.Text;

namespace StableDiffusion;

/// <summary>How CLIP cuts a lower-case text into the words that byte pair encoding takes one by one.</summary>
internal static class ClipWords
{
    /// <summary>What comes apart from the word before it, in the order in which CLIP's pattern tries them.</summary>
    private static readonly string[] _contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

    /// <summary>
    /// How many characters the word at the head of the text has, 0 if it begins with white space. CLIP's pattern:
    /// <c>'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+</c>.
    /// </summary>
    public static int FirstLength(ReadOnlySpan<PlacedRune> text)
    {
        foreach (var contraction in _contractions)
        {
            if (text.Length >= contraction.Length && Equal(text[..contraction.Length], contraction))
            {
                return contraction.Length;
            }
        }

        var kind = KindOf(text[0].Value);
        if (kind is Kind.Space or Kind.Number)
        {
            return kind is Kind.Number ? 1 : 0;
        }

        var length = 1;
        while (length < text.Length && KindOf(text[length].Value) == kind)
        {
            length++;
        }

        return length;
    }

    private static bool Equal(ReadOnlySpan<PlacedRune> text, string expected)
    {
        for (var i = 0; i < expected.Length; i++)
        {
            if (text[i].Value != expected[i])
            {
                return false;
            }
        }

        return true;
    }

    private static Kind KindOf(int value) => Rune.GetUnicodeCategory(new Rune(value)) switch
    {
        <= UnicodeCategory.OtherLetter => Kind.Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
        _ => Rune.IsWhiteSpace(new Rune(value)) ? Kind.Space : Kind.Other,
    };

    private enum Kind
    {
        Letter,
        Number,
        Space,
        Other,
    }
}
