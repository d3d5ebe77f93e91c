namespace StableDiffusion;

/// <summary>BERT's WordPiece tokenizer (Wu et al., 2016, arXiv 1609.08144), with the ids of transformers' <c>BertTokenizerFast</c>.</summary>
internal sealed class WordPieceTokenizer : ITokenizer
{
    /// <summary>A word of more characters is unknown as a whole.</summary>
    private const int LongestWord = 100;

    /// <summary>How the vocabulary writes a piece that continues a word.</summary>
    private const string Continued = "##";

    private readonly Pieces _first;
    private readonly Pieces _further;
    private readonly BertWords _words;
    private readonly TypedTokens _specials;
    private readonly int _unknown;

    private WordPieceTokenizer(Dictionary<string, int> ids, BertWords words, TokenizerSettings settings)
    {
        _first = new Pieces(ids);
        _further = new Pieces(ids.Where(entry => entry.Key.StartsWith(Continued, StringComparison.Ordinal)).Select(entry => KeyValuePair.Create(entry.Key[Continued.Length..], entry.Value)));
        _words = words;
        _unknown = settings.Named("unk_token", "[UNK]", normalized: false).Id;
        BosId = settings.Named("cls_token", "[CLS]", normalized: false).Id;
        EosId = settings.Named("sep_token", "[SEP]", normalized: false).Id;
        PadId = settings.Named("pad_token", "[PAD]", normalized: false).Id;
        settings.Find("mask_token", "[MASK]", normalized: false);
        _specials = new TypedTokens(settings.Added.Select(token => new TypedToken(token.Content, token.Id)));
    }

    public int? BosId { get; }

    public int EosId { get; }

    public int PadId { get; }

    /// <summary>Reads <c>vocab.txt</c>, and <c>tokenizer_config.json</c> and <c>special_tokens_map.json</c> where they exist.</summary>
    /// <exception cref="ModelException">The vocabulary is missing or none of BERT, or a file is not what transformers writes.</exception>
    public static WordPieceTokenizer Load(string folder)
    {
        var vocabulary = Path.Combine(folder, "vocab.txt");
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (id, word) in ModelText.ReadLines(vocabulary).Index())
        {
            ids[word] = id;
        }

        var config = JsonFile.ReadIfExists(Path.Combine(folder, "tokenizer_config.json"));
        var changes = config.Flag("do_basic_tokenize") ?? true;
        var lower = changes && (config.Flag("do_lower_case") ?? true);
        var words = new BertWords(lower, changes && (config.Flag("strip_accents") ?? lower), changes && (config.Flag("tokenize_chinese_chars") ?? true));
        return new WordPieceTokenizer(ids, words, new TokenizerSettings(folder, vocabulary, ids, "BERT"));
    }

    public IReadOnlyList<int> Encode(string text)
    {
        var ids = new List<int>();
        foreach (var (part, special) in _specials.Split(text))
        {
            foreach (var word in _words.Of(part))
            {
                AddPieces(word, ids);
            }

            if (special is { } id)
            {
                ids.Add(id);
            }
        }

        return ids;
    }

    /// <summary>The longest piece that begins the word, the longest that continues it, and so on; a word that leaves a rest is unknown as a whole.</summary>
    private void AddPieces(string word, List<int> ids)
    {
        var count = ids.Count;
        var rest = word.EnumerateRunes().Count() <= LongestWord ? word.AsSpan() : [];
        for (var pieces = _first; rest.Length > 0 && pieces.FindLongest(rest) is var (length, id); pieces = _further)
        {
            ids.Add(id);
            rest = rest[length..];
            if (rest.Length == 0)
            {
                return;
            }
        }

        ids.RemoveRange(count, ids.Count - count);
        ids.Add(_unknown);
    }

    private sealed class Pieces
    {
        private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _ids;
        private readonly int _longest;

        public Pieces(IEnumerable<KeyValuePair<string, int>> ids)
        {
            var pieces = new Dictionary<string, int>(ids, StringComparer.Ordinal);
            _ids = pieces.GetAlternateLookup<ReadOnlySpan<char>>();
            _longest = pieces.Keys.Select(piece => piece.Length).DefaultIfEmpty().Max();
        }

        /// <summary>The longest piece with which a text begins; null where it begins with none.</summary>
        public (int Length, int Id)? FindLongest(ReadOnlySpan<char> text)
        {
            for (var length = Math.Min(text.Length, _longest); length > 0; length--)
            {
                if (_ids.TryGetValue(text[..length], out var id))
                {
                    return (length, id);
                }
            }

            return null;
        }
    }
}
