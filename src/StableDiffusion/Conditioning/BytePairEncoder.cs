using Microsoft.ML.Tokenizers;

namespace StableDiffusion;

/// <summary>
/// Byte pair encoding (Sennrich et al., 2016, arXiv 1508.07909) of single words by Microsoft.ML.Tokenizers. Its time grows with the square
/// of a word's length, so a long word goes to it in pieces; the result is the same.
/// </summary>
internal sealed class BytePairEncoder
{
    private const string EndOfWord = "</w>";

    /// <summary>UTF-16 units of a word, or of a piece of one, that are encoded at once.</summary>
    private const int LongestPiece = 2000;

    private readonly BpeTokenizer _ofWords;
    private readonly Lazy<BpeTokenizer> _ofBeginnings;
    private readonly int[] _ids;

    private BytePairEncoder(IReadOnlyCollection<string> texts, int[] ids, IReadOnlyList<string> merges, string unknown)
    {
        _ids = ids;
        _ofWords = Create(EndOfWord);
        _ofBeginnings = new Lazy<BpeTokenizer>(() => Create(endOfWord: null));

        // The library wants ids that differ; those of a vocabulary need not.
        BpeTokenizer Create(string? endOfWord) => BpeTokenizer.Create(new BpeOptions(texts.Select((text, i) => KeyValuePair.Create(text, i)))
        {
            Merges = merges,
            EndOfWordSuffix = endOfWord,
            UnknownToken = unknown,
            ByteLevel = true,
        });
    }

    /// <summary>An encoder for a vocabulary.</summary>
    /// <param name="vocabulary">Texts, with bytes as the printable characters of OpenAI's encoder.py, and their ids.</param>
    /// <param name="merges">Two texts each with a space between, the best first.</param>
    /// <param name="unknown">What stands for a byte that the vocabulary lacks.</param>
    /// <param name="unknownId">Its id.</param>
    /// <exception cref="InvalidOperationException">A merge is not of two entries of the vocabulary, or makes none.</exception>
    /// <exception cref="ArgumentException">A merge is there twice.</exception>
    public static BytePairEncoder Create(IReadOnlyDictionary<string, int> vocabulary, IReadOnlyList<string> merges, string unknown, int unknownId)
    {
        List<string> texts = [.. vocabulary.Keys.Where(text => text != unknown), unknown];
        int[] ids = [.. texts.SkipLast(1).Select(text => vocabulary[text]), unknownId];
        return new BytePairEncoder(texts, ids, merges, unknown);
    }

    /// <summary>The ids of a word, and where in it each begins, in UTF-16 units.</summary>
    /// <param name="word">At least one character.</param>
    /// <param name="longestPiece">UTF-16 units that are encoded at once, at least two.</param>
    public IEnumerable<(int Id, int Start)> Encode(string word, int longestPiece = LongestPiece)
    {
        var tokens = EncodePiece(word, 0, Math.Min(word.Length, longestPiece));
        for (var start = tokens.End; start < word.Length; start = tokens.End)
        {
            tokens = Join(word, tokens, EncodePiece(word, start, Math.Min(word.Length, start + longestPiece)));
        }

        return tokens.Items.Select(token => (_ids[token.Id], token.Start));
    }

    /// <param name="Id">The library's id.</param>
    /// <param name="Start">Where in the word the character begins in which the token begins.</param>
    /// <param name="BeginsCharacter">Whether it begins with that character's first byte.</param>
    private readonly record struct Item(int Id, int Start, bool BeginsCharacter);

    /// <summary>Tokens of a piece of a word, and where the piece ends.</summary>
    private readonly record struct Piece(List<Item> Items, int End);

    private Piece EncodePiece(string word, int start, int end)
    {
        if (end < word.Length && char.IsLowSurrogate(word[end]))
        {
            end--;
        }

        var tokenizer = end == word.Length ? _ofWords : _ofBeginnings.Value;
        var tokens = tokenizer.EncodeToTokens(word.AsSpan(start, end - start), out _, considerPreTokenization: false, considerNormalization: false);
        var unknown = _ids.Length - 1;
        return new Piece([.. tokens.Select(token => new Item(token.Id, start + token.Offset.Start.Value, token.Id != unknown && IsFirstByte(token.Value[0])))], end);
    }

    /// <summary>
    /// Joins two neighbouring pieces in the list of the left one. A sequence of tokens is the encoding of its text if each two neighbours are that of theirs: a merge
    /// across a boundary would happen just so with nothing else around. So only the tokens next to the joint are encoded anew, and more of
    /// them until the outermost ones stay what they were, which keeps them right with those further out.
    /// </summary>
    private Piece Join(string word, Piece left, Piece right)
    {
        for (var reach = 4; ; reach *= 2)
        {
            var first = Boundary(left.Items, left.Items.Count - reach, step: -1);
            var last = Boundary(right.Items, reach, step: 1);
            var end = last < right.Items.Count ? right.Items[last].Start : right.End;
            var middle = EncodePiece(word, left.Items[first].Start, end);
            var isLeftKept = first == 0 || middle.Items[0] == left.Items[first];
            var isRightKept = last == right.Items.Count || middle.Items[^1] == right.Items[last - 1];
            if (isLeftKept && isRightKept)
            {
                left.Items.RemoveRange(first, left.Items.Count - first);
                left.Items.AddRange(middle.Items);
                left.Items.AddRange(right.Items[last..]);
                return left with { End = right.End };
            }
        }
    }

    /// <summary>A place between tokens, at or near the one asked for, that is not within a character.</summary>
    private static int Boundary(List<Item> tokens, int at, int step)
    {
        at = Math.Clamp(at, 0, tokens.Count);
        while (at > 0 && at < tokens.Count && !tokens[at].BeginsCharacter)
        {
            at += step;
        }

        return at;
    }

    /// <summary>Whether the byte for which this character stands is ASCII or leads a UTF-8 sequence; those have their Latin-1 characters.</summary>
    private static bool IsFirstByte(char character) => character is (>= '!' and <= '~') or (>= '\u00C0' and <= '\u00FF');
}
