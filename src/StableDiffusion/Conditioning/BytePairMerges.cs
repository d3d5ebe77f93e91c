namespace StableDiffusion;

/// <summary>The merge rules of byte pair encoding (Sennrich et al., 2016, arXiv 1508.07909), best rule first.</summary>
/// <param name="capacity">About how many rules there will be.</param>
internal sealed class BytePairMerges(int capacity)
{
    private readonly Dictionary<(int Left, int Right), (int Rank, int Merged)> _rules = new(capacity);

    /// <summary>Adds a rule; it ranks below those added before.</summary>
    public void Add(int left, int right, int merged) => _rules[(left, right)] = (_rules.Count, merged);

    /// <summary>
    /// Merges the symbols of a word until no rule fits, always by the best rule and leftmost first, and says which are left:
    /// their positions in <paramref name="symbols"/>, which then hold the merged ids.
    /// </summary>
    public IEnumerable<int> Merge(int[] symbols)
    {
        const int Gone = -1;
        var count = symbols.Length;
        var next = new int[count];
        var previous = new int[count];
        var candidates = new PriorityQueue<(int Position, int Merged), long>();
        for (var i = 0; i < count; i++)
        {
            (previous[i], next[i]) = (i - 1, i + 1);
            Offer(i - 1, i);
        }

        while (candidates.TryDequeue(out var best, out _))
        {
            var (left, merged) = best;
            var right = next[left];
            if (symbols[left] == Gone || right == count
                || !_rules.TryGetValue((symbols[left], symbols[right]), out var rule) || rule.Merged != merged)
            {
                continue;
            }

            symbols[left] = merged;
            symbols[right] = Gone;
            next[left] = next[right];
            if (next[left] < count)
            {
                previous[next[left]] = left;
            }

            Offer(previous[left], left);
            Offer(left, next[left]);
        }

        for (var i = 0; i < count; i = next[i])
        {
            yield return i;
        }

        void Offer(int left, int right)
        {
            if (left >= 0 && right < count && _rules.TryGetValue((symbols[left], symbols[right]), out var rule))
            {
                candidates.Enqueue((left, rule.Merged), ((long)rule.Rank << 32) | (uint)left);
            }
        }
    }
}
