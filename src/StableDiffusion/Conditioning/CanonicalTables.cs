using System.Globalization;

namespace StableDiffusion;

/// <summary>What canonical composition must know of Unicode's characters, Hangul syllables left out.</summary>
internal static partial class CanonicalTables
{
    static CanonicalTables()
    {
        foreach (var (first, characters) in Entries(Singletons))
        {
            var code = Hex(first);
            foreach (var character in characters.Split(','))
            {
                Parts.Add(code++, (Hex(character), 0));
            }
        }

        foreach (var (key, list) in Entries(Pairs))
        {
            var mark = Hex(key.TrimStart('!'));
            foreach (var sides in list.Split(',').Select(pair => pair.Split('=')))
            {
                var (first, whole) = (Hex(sides[0]), Hex(sides[1]));
                Parts.Add(whole, (first, mark));
                if (key[0] != '!')
                {
                    Wholes.Add((first, mark), whole);
                }
            }
        }

        foreach (var (key, value) in Entries(ClassRanges))
        {
            var range = key.Split('-');
            for (var code = Hex(range[0]); code <= Hex(range[^1]); code++)
            {
                Classes.Add(code, int.Parse(value, CultureInfo.InvariantCulture));
            }
        }
    }

    /// <summary>A character to the two it comes apart into, the second 0 if there is but one.</summary>
    public static Dictionary<int, (int First, int Mark)> Parts { get; } = [];

    /// <summary>Two characters to the one they make.</summary>
    public static Dictionary<(int First, int Mark), int> Wholes { get; } = [];

    /// <summary>A character to its canonical combining class; 0 for those not here.</summary>
    public static Dictionary<int, int> Classes { get; } = [];

    private static IEnumerable<(string Key, string Value)> Entries(string table) =>
        from entry in table.Split((char[])[' ', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries)
        let colon = entry.IndexOf(':', StringComparison.Ordinal)
        select (entry[..colon], entry[(colon + 1)..]);

    private static int Hex(string digits) => int.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
