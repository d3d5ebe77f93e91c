using System.Globalization;
using System.Text;

namespace StableDiffusion;

/// <summary>BERT's words, before they are cut into pieces: what transformers' <c>BasicTokenizer</c> does, in the order of its fast twin.</summary>
/// <param name="LowersCase">Whether letters become small.</param>
/// <param name="StripsAccents">Whether accents and other marks that take no room go.</param>
/// <param name="PartsIdeographs">Whether each Chinese character is a word.</param>
internal sealed record BertWords(bool LowersCase, bool StripsAccents, bool PartsIdeographs)
{
    /// <summary>The words of a text; each punctuation character is one.</summary>
    public string[] Of(string text)
    {
        text = string.Concat(text.EnumerateRunes().Select(Clean));
        text = StripsAccents ? CanonicalComposition.WithoutMarks(text) : text;
        text = LowersCase ? LowerCase.Of(text) : text;
        return string.Concat(text.EnumerateRunes().Select(rune => IsPunctuation(rune) ? $" {rune} " : rune.ToString())).Split(' ', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Control characters go, and half characters, which are U+FFFD by now; all kinds of white space become spaces.</summary>
    private string Clean(Rune rune) =>
        rune.Value is '\t' or '\n' or '\r' ? " "
        : rune.Value is 0 or 0xFFFD || Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse ? ""
        : Rune.IsWhiteSpace(rune) ? " "
        : PartsIdeographs && IsIdeograph(rune.Value) ? $" {rune} "
        : rune.ToString();

    /// <summary>Not all that are by now: the blocks that BERT knows, with the fast tokenizer's gap at U+2B820.</summary>
    private static bool IsIdeograph(int value) => value is (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF)
        or (>= 0x20000 and <= 0x2A6DF) or (>= 0x2A700 and <= 0x2B73F) or (>= 0x2B740 and <= 0x2B81F) or (>= 0x2B920 and <= 0x2CEAF)
        or (>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F);

    /// <summary>Everything of ASCII that is no letter, digit or space, and Unicode's punctuation.</summary>
    private static bool IsPunctuation(Rune rune) =>
        rune.IsAscii ? rune.Value > ' ' && !Rune.IsLetterOrDigit(rune) && rune.Value < 0x7F : Rune.IsPunctuation(rune);
}
