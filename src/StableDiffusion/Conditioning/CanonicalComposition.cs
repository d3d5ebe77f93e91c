using System.Globalization;
using System.Text;

namespace StableDiffusion;

/// <summary>
/// Unicode normalization form C, and KC (Unicode Standard Annex 15), that keeps track of where each character came from.
/// <see cref="string.Normalize()"/> leaves texts as they are under InvariantGlobalization, which spares us the ICU libraries.
/// </summary>
internal static class CanonicalComposition
{
    // Hangul syllables are put together by arithmetic: chapter 3.12 of the Unicode Standard names these.
    private const int SBase = 0xAC00, LBase = 0x1100, VBase = 0x1161, TBase = 0x11A7;
    private const int LCount = 19, VCount = 21, TCount = 28, SCount = LCount * VCount * TCount;

    /// <summary>Below this, every character is its own form C and none joins its neighbour.</summary>
    private const int FirstThatMayChange = 0x300;

    /// <summary>The text without accents: taken apart (form D), with non-spacing marks left out.</summary>
    public static string WithoutMarks(string text)
    {
        PlacedRune[] runes = [.. text.EnumerateRunes().Select(rune => new PlacedRune(rune.Value, 0))];
        return string.Concat(InCanonicalOrder(Apart(runes))
            .Select(rune => new Rune(rune.Value))
            .Where(rune => Rune.GetUnicodeCategory(rune) != UnicodeCategory.NonSpacingMark));
    }

    /// <summary>The text in form C; a character that was put together stands where its first part stood.</summary>
    public static PlacedRune[] Compose(PlacedRune[] text)
    {
        if (Array.TrueForAll(text, rune => rune.Value < FirstThatMayChange))
        {
            return text;
        }

        return PutTogether(InCanonicalOrder(Apart(text)));
    }

    /// <summary>The text in form KC: characters in another guise (ligatures, widths, circled digits) become what they stand for.</summary>
    public static string ComposeCompatible(string text)
    {
        PlacedRune[] runes = [.. text.EnumerateRunes().Select(rune => new PlacedRune(rune.Value, 0))];
        return string.Concat(PutTogether(InCanonicalOrder(Apart(runes, compatible: true))).Select(rune => char.ConvertFromUtf32(rune.Value)));
    }

    private static void AddParts(PlacedRune rune, List<PlacedRune> apart, bool compatible)
    {
        var syllable = rune.Value - SBase;
        if (syllable is >= 0 and < SCount)
        {
            apart.Add(rune with { Value = LBase + syllable / (VCount * TCount) });
            apart.Add(rune with { Value = VBase + syllable / TCount % VCount });
            if (syllable % TCount != 0)
            {
                apart.Add(rune with { Value = TBase + syllable % TCount });
            }
        }
        else if (CanonicalTables.Parts.TryGetValue(rune.Value, out var parts))
        {
            AddParts(rune with { Value = parts.First }, apart, compatible);
            if (parts.Mark != 0)
            {
                apart.Add(rune with { Value = parts.Mark });
            }
        }
        else if (compatible && CompatibilityTables.Parts.TryGetValue(rune.Value, out var guised))
        {
            foreach (var part in guised)
            {
                AddParts(rune with { Value = part }, apart, compatible);
            }
        }
        else
        {
            apart.Add(rune);
        }
    }

    /// <summary>Sorts each run of marks by combining class, equal classes in the order they had.</summary>
    private static List<PlacedRune> InCanonicalOrder(List<PlacedRune> text)
    {
        var sorted = new List<PlacedRune>(text.Count);
        for (var i = 0; i < text.Count;)
        {
            if (Class(text[i].Value) == 0)
            {
                sorted.Add(text[i++]);
                continue;
            }

            var end = i + 1;
            while (end < text.Count && Class(text[end].Value) != 0)
            {
                end++;
            }

            sorted.AddRange(text[i..end].OrderBy(rune => Class(rune.Value)));
            i = end;
        }

        return sorted;
    }

    private static PlacedRune[] PutTogether(List<PlacedRune> text)
    {
        var result = new List<PlacedRune>(text.Count);
        var starter = -1;
        var lastClass = 0;
        foreach (var rune in text)
        {
            var thisClass = Class(rune.Value);
            var reaches = starter >= 0 && (starter == result.Count - 1 || lastClass < thisClass);
            if (reaches && Whole(result[starter].Value, rune.Value) is { } whole)
            {
                result[starter] = result[starter] with { Value = whole };
                continue;
            }

            result.Add(rune);
            lastClass = thisClass;
            if (thisClass == 0)
            {
                starter = result.Count - 1;
            }
        }

        return [.. result];
    }

    private static int? Whole(int first, int second)
    {
        if (first - LBase is >= 0 and < LCount && second - VBase is >= 0 and < VCount)
        {
            return SBase + ((first - LBase) * VCount + second - VBase) * TCount;
        }

        if (first - SBase is >= 0 and < SCount && (first - SBase) % TCount == 0 && second - TBase is > 0 and < TCount)
        {
            return first + second - TBase;
        }

        return CanonicalTables.Wholes.TryGetValue((first, second), out var whole) ? whole : null;
    }

    private static int Class(int value) => value < FirstThatMayChange ? 0 : CanonicalTables.Classes.GetValueOrDefault(value);

    private static List<PlacedRune> Apart(PlacedRune[] text, bool compatible = false)
    {
        var apart = new List<PlacedRune>(text.Length);
        foreach (var rune in text)
        {
            AddParts(rune, apart, compatible);
        }

        return apart;
    }
}

/// <summary>One character of a text, and where in the text its first UTF-16 unit stands.</summary>
internal readonly record struct PlacedRune(int Value, int Start);
