using System.Security.Cryptography;
using System.Text;

namespace StableDiffusion.Tests;

/// <summary>The expected digests are of Unicode 14's NFC, by Python 3.11: <c>unicodedata</c>, with the line beside each.</summary>
public class CanonicalCompositionTests
{
    // Nothing above 0x30000 composes.
    // sha256(normalize('NFC', ' '.join(chr(c) for c in range(0x30000) if not 0xD800 <= c < 0xE000)).encode()).hexdigest()
    [Fact]
    public void Every_character_composes_as_in_Python() => Assert.Equal(
        "131ecf6a7280ed37d1e312e30e6fa1baf03594d0b5469a2da436132d31f284ab",
        Digest([Compose([.. from code in Enumerable.Range(0, 0x30000)
                            where code is < 0xD800 or > 0xDFFF
                            from part in code == 0 ? new int[] { code } : [' ', code]
                            select part])]));

    // sha256(''.join(normalize('NFC', chr(b) + chr(m) + chr(n)) for b in bases for m in marks for n in marks).encode()).hexdigest()
    [Fact]
    public void Letters_with_two_marks_compose_as_in_Python()
    {
        int[] bases = [0x41, 0x65, 0x1100, 0xAC00, 0x391, 0x915, 0x30AB, 0x20];
        int[] marks = [.. Enumerable.Range(0x300, 0x46), 0x345, 0x1161, 0x11A7, 0x11A8, 0x93C, 0x3099, 0x5B0, 0x41];
        Assert.Equal(
            "53984133a593682b01a4d4bdbb4bdea85a3c7d410a4e9749acc0960309693fbd",
            Digest(from b in bases from m in marks from n in marks select Compose([b, m, n])));
    }

    // sha256(normalize('NFKC', ' '.join(chr(c) for c in range(0x30000) if not 0xD800 <= c < 0xE000)).encode()).hexdigest()
    [Fact]
    public void Every_character_in_another_guise_becomes_what_it_stands_for_as_in_Python() => Assert.Equal(
        "62a8fc3cbcdb73df8391a9d6b5c83648029f37d1729b5b7bee6fb11f2930213d",
        Digest([CanonicalComposition.ComposeCompatible(
            string.Join(' ', Enumerable.Range(0, 0x30000).Where(code => code is < 0xD800 or > 0xDFFF).Select(char.ConvertFromUtf32)))]));

    // sha256(''.join(normalize('NFKC', chr(b) + chr(m) + chr(n)) for b in bases for m in marks for n in marks).encode()).hexdigest()
    [Fact]
    public void What_characters_in_another_guise_stand_for_composes_with_its_neighbours_as_in_Python()
    {
        int[] bases = [0x41, 0x65, 0x1100, 0xAC00, 0x391, 0x30AB, 0x20, 0xFB01, 0xFF76, 0xFF9E, 0x2460, 0xB2, 0x132, 0xFDFA, 0x3392, 0x1D400, 0xA0, 0xA8];
        int[] marks = [.. Enumerable.Range(0x300, 0x46), 0x345, 0x1161, 0x11A7, 0x11A8, 0x3099, 0xFF9E, 0xFF9F, 0xFFA1, 0x3133, 0x41, 0x2460];
        Assert.Equal(
            "291391fd69c6e9346c21be3b05481ba363a52899833f8c3bdd97ac15e99bac2a",
            Digest(
                from b in bases
                from m in marks
                from n in marks
                select CanonicalComposition.ComposeCompatible(string.Concat(((int[])[b, m, n]).Select(char.ConvertFromUtf32)))));
    }

    [Fact]
    public void A_composed_character_stands_where_its_letter_stood()
    {
        // A marked e, then a b: three UTF-16 units that become two characters.
        PlacedRune[] text = [new('e', 0), new(0x301, 1), new('b', 2)];
        Assert.Equal([new PlacedRune(0xE9, 0), new PlacedRune('b', 2)], CanonicalComposition.Compose(text));
    }

    private static string Compose(int[] codes)
    {
        var text = new StringBuilder();
        foreach (var rune in CanonicalComposition.Compose([.. codes.Select((code, i) => new PlacedRune(code, i))]))
        {
            text.Append(new Rune(rune.Value).ToString());
        }

        return text.ToString();
    }

    private static string Digest(IEnumerable<string> texts) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(texts))));
}
