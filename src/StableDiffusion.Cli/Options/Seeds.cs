using System.Globalization;
using System.Security.Cryptography;

namespace StableDiffusion.Cli;

/// <summary>The text of <c>--seed</c>: a number, a list <c>1,2,3</c>, a range <c>5..9</c>, or −1 for a random one.</summary>
internal static class Seeds
{
    private const int MostInARange = 1_000_000;

    /// <summary>All seeds that the text and <c>--batch-count</c> ask for: each entry counts up <paramref name="batchCount"/> times.</summary>
    public static IReadOnlyList<long> Expand(string text, int batchCount)
    {
        if (batchCount is < 1 or > MostInARange)
        {
            throw new RequestException($"--batch-count {batchCount} must be from 1 to {MostInARange}.");
        }

        var largest = long.MaxValue - (batchCount - 1);
        var seeds = text.Split(',').SelectMany(entry => Entry(entry, text)).ToList();
        return seeds.TrueForAll(seed => seed <= largest)
            ? [.. seeds.SelectMany(first => Enumerable.Range(0, batchCount).Select(i => first + i))]
            : throw new RequestException($"--seed {OneLine.Of(text)} leaves no room to count up; give seeds up to {largest}.");
    }

    private static IEnumerable<long> Entry(string entry, string text)
    {
        var ends = entry.Split("..");
        if (ends.Length == 2)
        {
            var (first, last) = (Number(ends[0], text), Number(ends[1], text));
            if (last < first || last - first >= MostInARange)
            {
                throw new RequestException($"--seed {entry} must count up, by at most {MostInARange} seeds.");
            }

            return Enumerable.Range(0, (int)(last - first) + 1).Select(i => first + i);
        }

        var seed = Number(entry, text);
        return [seed == -1 ? RandomNumberGenerator.GetInt32(int.MaxValue) : seed];
    }

    private static long Number(string number, string text) =>
        long.TryParse(number, NumberStyles.AllowLeadingSign | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var seed) && seed >= -1
            ? seed
            : throw new RequestException($"--seed '{OneLine.Of(text)}' is not a seed; give a number from 0, a list such as 1,2,3, a range such as 5..9, or -1 for a random one.");
}
