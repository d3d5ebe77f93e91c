using System.Globalization;
using System.Security.Cryptography;

namespace StableDiffusion.Cli;

/// <summary>
/// The text of <c>--seed</c>: a number from 0 to 2⁶⁴ − 1, a list <c>1,2,3</c>, a range <c>5..9</c>, or −1 for a random one. Requests hold the
/// same 64 bits as a signed number.
/// </summary>
internal static class Seeds
{
    /// <summary>What stands for a seed that is yet to be drawn.</summary>
    public const string Drawn = "-1";

    private const int MostInARange = 1_000_000;

    /// <summary>A seed as people write it.</summary>
    public static string Text(long seed) => unchecked((ulong)seed).ToString(CultureInfo.InvariantCulture);

    /// <summary>A random seed.</summary>
    public static long Draw() => RandomNumberGenerator.GetInt32(int.MaxValue);

    /// <summary>The seed that a text asks for, where it can be one only.</summary>
    /// <param name="text">A number or -1.</param>
    /// <param name="property">The property of <see cref="ImageRequest"/> that the text sets, for messages.</param>
    public static long One(string text, string property) => Expand(text, 1, property) is [var seed]
        ? seed
        : throw new RequestException(property, $"{property:name} {OneLine.Quote(text)} is several seeds; give one.");

    /// <summary>All seeds that the text and <c>--batch-count</c> ask for: each entry counts up <paramref name="batchCount"/> times.</summary>
    /// <param name="text">A number, a list, a range or -1.</param>
    /// <param name="batchCount">How often each entry counts up.</param>
    /// <param name="property">The property of <see cref="ImageRequest"/> that the text sets, for messages.</param>
    public static IReadOnlyList<long> Expand(string text, int batchCount, string property = nameof(ImageRequest.Seeds))
    {
        if (batchCount is < 1 or > MostInARange)
        {
            throw new RequestException($"--batch-count {batchCount} must be from 1 to {MostInARange}.");
        }

        var largest = ulong.MaxValue - (ulong)(batchCount - 1);
        var seeds = text.Split(',').SelectMany(entry => Entry(entry, text, property)).ToList();
        return seeds.TrueForAll(seed => seed <= largest)
            ? [.. seeds.SelectMany(first => Enumerable.Range(0, batchCount).Select(i => unchecked((long)(first + (ulong)i))))]
            : throw new RequestException(property, $"{property:name} {OneLine.Of(text)} leaves no room to count up; give seeds up to {largest}.");
    }

    private static IEnumerable<ulong> Entry(string entry, string text, string property)
    {
        var ends = entry.Split("..");
        if (ends.Length == 2)
        {
            var (first, last) = (Number(ends[0], text, property), Number(ends[1], text, property));
            if (last < first || last - first >= MostInARange)
            {
                throw new RequestException(property, $"{property:name} {entry} must count up, by at most {MostInARange} seeds.");
            }

            return Enumerable.Range(0, (int)(last - first) + 1).Select(i => first + (ulong)i);
        }

        return [entry.Trim() == Drawn ? (ulong)Draw() : Number(entry, text, property)];
    }

    private static ulong Number(string number, string text, string property)
    {
        var plain = number.Trim();

        // Spreadsheets write whole numbers with a zero behind the point.
        var whole = plain.EndsWith(".0", StringComparison.Ordinal) ? plain[..^2] : plain;
        return ulong.TryParse(whole, NumberStyles.None, CultureInfo.InvariantCulture, out var seed)
            ? seed
            : throw new RequestException(
                property,
                $"{property:name} '{OneLine.Of(text)}' is not a seed; give a number from 0 to {ulong.MaxValue}, a list such as 1,2,3, a range such as 5..9, or -1 for a random one.");
    }
}
