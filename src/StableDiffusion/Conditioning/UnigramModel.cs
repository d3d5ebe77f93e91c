namespace StableDiffusion;

/// <summary>
/// A unigram language model: Kudo (2018), arXiv 1804.10959. Finds the pieces of highest total score by Viterbi over a trie, with the score
/// of unknown characters and their joining as Hugging Face's <c>tokenizers</c> has them.
/// </summary>
internal sealed class UnigramModel
{
    /// <summary>How far below the least likely piece an unknown character is.</summary>
    private const double UnknownPenalty = 10;

    private readonly Dictionary<(int Node, char Character), int> _edges = [];
    private readonly List<int> _pieceOfNode = [-1];
    private readonly double[] _scores;
    private readonly double _unknownScore;

    public UnigramModel(IReadOnlyList<(string Piece, double Score)> pieces, int unknown)
    {
        Unknown = unknown;
        _scores = [.. pieces.Select(piece => piece.Score)];
        _unknownScore = _scores.Min() - UnknownPenalty;
        for (var id = 0; id < pieces.Count; id++)
        {
            if (pieces[id].Piece.Length > 0)
            {
                _pieceOfNode[NodeOf(pieces[id].Piece)] = id;
            }
        }
    }

    /// <summary>The id of what no piece stands for.</summary>
    public int Unknown { get; }

    /// <summary>The ids of the best pieces of a text without lone surrogates; neighbouring unknown characters are one.</summary>
    public List<int> Encode(string text)
    {
        var best = new (double Score, int From, int Id)[text.Length + 1];
        Array.Fill(best, (double.NegativeInfinity, -1, -1));
        best[0].Score = 0;
        for (var start = 0; start < text.Length;)
        {
            var length = char.IsHighSurrogate(text[start]) ? 2 : 1;
            if (!AddPieces(text, start, length, best))
            {
                Offer(ref best[start + length], best[start].Score + _unknownScore, start, Unknown);
            }

            start += length;
        }

        var ids = new List<int>();
        for (var end = text.Length; end > 0; end = best[end].From)
        {
            if (best[end].Id != Unknown || ids.Count == 0 || ids[^1] != Unknown)
            {
                ids.Add(best[end].Id);
            }
        }

        ids.Reverse();
        return ids;
    }

    /// <summary>Offers every piece that begins here; whether one of them is the single character.</summary>
    private bool AddPieces(string text, int start, int characterLength, (double Score, int From, int Id)[] best)
    {
        var (node, hasCharacter) = (0, false);
        for (var end = start; end < text.Length && _edges.TryGetValue((node, text[end]), out node); end++)
        {
            if (_pieceOfNode[node] is var id and >= 0)
            {
                Offer(ref best[end + 1], best[start].Score + _scores[id], start, id);
                hasCharacter |= end + 1 - start == characterLength;
            }
        }

        return hasCharacter;
    }

    private static void Offer(ref (double Score, int From, int Id) place, double score, int from, int id)
    {
        if (place.From < 0 || score > place.Score)
        {
            place = (score, from, id);
        }
    }

    private int NodeOf(string piece)
    {
        var node = 0;
        foreach (var character in piece)
        {
            if (!_edges.TryGetValue((node, character), out var next))
            {
                next = _pieceOfNode.Count;
                _pieceOfNode.Add(-1);
                _edges.Add((node, character), next);
            }

            node = next;
        }

        return node;
    }
}
