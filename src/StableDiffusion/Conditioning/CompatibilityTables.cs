using System.Globalization;

namespace StableDiffusion;

/// <summary>Characters that stand for others in another guise (ligatures, widths, circled digits): their compatibility decompositions.</summary>
internal static partial class CompatibilityTables
{
    /// <summary>A character to those it stands for, which may stand for others in turn.</summary>
    public static IReadOnlyDictionary<int, int[]> Parts { get; } = Read().ToDictionary(entry => entry.Character, entry => entry.Parts);

    private static IEnumerable<(int Character, int[] Parts)> Read()
    {
        foreach (var run in Table.Split((char[])[' ', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries))
        {
            var colon = run.IndexOf(':', StringComparison.Ordinal);
            var character = Hex(run[..colon]);
            foreach (var entry in run[(colon + 1)..].Split(','))
            {
                if (entry.Split('~') is [var first, var last])
                {
                    for (var part = Hex(first); part <= Hex(last); part++)
                    {
                        yield return (character++, [part]);
                    }
                }
                else
                {
                    yield return (character++, [.. entry.Split('+').Select(Hex)]);
                }
            }
        }
    }

    private static int Hex(string digits) => int.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
