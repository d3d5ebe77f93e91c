using System.Text.Json;

namespace StableDiffusion;

internal sealed partial class ClipTokenizer
{
    /// <summary>The file in which the tokenizers library keeps all of a tokenizer.</summary>
    internal const string OneFile = "tokenizer.json";

    private const string DefaultBos = "<|startoftext|>";
    private const string DefaultEos = "<|endoftext|>";

    private ClipTokenizer(Vocabulary vocabulary, BytePairEncoder words, SpecialTokens special)
    {
        BosId = special.Bos.Id;
        EosId = special.Eos.Id;
        PadId = special.Pad.Id;
        ModelMaxLength = special.ModelMaxLength;

        _words = words;
        _rawTokens = Longest(special.Added.Where(token => !token.Normalized).Select(token => (Runes(token.Content), token.Id)));
        _normalizedTokens = Longest(
            special.Added.Where(token => token.Normalized).Select(token => (Normalize(Runes(token.Content)), token.Id)));

        _texts = new Dictionary<int, string>(vocabulary.Ids.Count);
        foreach (var (text, id) in vocabulary.Ids)
        {
            _texts[id] = text;
        }

        foreach (var token in special.Added)
        {
            _texts[token.Id] = token.Content;
        }
    }

    /// <summary>
    /// Reads a model's tokenizer folder: <c>vocab.json</c> and <c>merges.txt</c>, or <c>tokenizer.json</c> where one of them is missing,
    /// and for the special tokens <c>tokenizer_config.json</c> and <c>special_tokens_map.json</c> where they exist.
    /// </summary>
    /// <exception cref="ModelException">A file is missing or not what transformers writes.</exception>
    public static ClipTokenizer Load(string folder)
    {
        var (words, rules) = (Path.Combine(folder, "vocab.json"), Path.Combine(folder, "merges.txt"));
        if ((!File.Exists(words) || !File.Exists(rules)) && TokenizerFile.ReadIfExists(Path.Combine(folder, OneFile)) is { } file)
        {
            var added = SpecialTokens.Read(folder, file.Vocabulary, file.AddedTokens);
            return new ClipTokenizer(file.Vocabulary, CreateEncoder(file.Merges, file.Vocabulary, added), added);
        }

        var vocabulary = Vocabulary.Of(words, ReadJsonObject(words));
        var merges = ReadMerges(rules);
        var special = SpecialTokens.Read(folder, vocabulary, added: default);
        return new ClipTokenizer(vocabulary, CreateEncoder(merges, vocabulary, special), special);
    }

    private static AddedToken[] Longest(IEnumerable<(PlacedRune[] Content, int Id)> tokens) =>
    [
        .. from token in tokens
           orderby token.Content.Length descending
           select new AddedToken([.. token.Content.Select(rune => rune.Value)], token.Id),
    ];

    // transformers passes over the first line, "#version: 0.2", unread.
    private static List<Merge> ReadMerges(string file) =>
    [
        .. Read(file, ModelText.ReadLines).Select((line, i) => new Merge(line.Trim(), $"{file} line {i + 1}", "vocab.json")).Skip(1).Where(merge => merge.Sides.Length > 0),
    ];

    private static BytePairEncoder CreateEncoder(List<Merge> merges, Vocabulary vocabulary, SpecialTokens special)
    {
        List<string> sides = [.. merges.Select(merge => merge.Sides)];
        try
        {
            var encoder = BytePairEncoder.Create(vocabulary.Ids, sides, special.Unknown.Content, special.Unknown.Id);
            RequireEnough(merges.Count, vocabulary, special);
            return encoder;
        }
        catch (Exception exception) when (exception is InvalidOperationException or ArgumentException)
        {
            RequireMerges(merges, vocabulary);

            // What is left is a merge that is there twice; the later one counts.
            List<string> distinct = [.. Enumerable.Reverse(sides).Distinct().Reverse()];
            return BytePairEncoder.Create(vocabulary.Ids, distinct, special.Unknown.Content, special.Unknown.Id);
        }
    }

    /// <summary>Refuses merges that end early: each entry of more than one letter needs one of its own, and what none makes is spelt in pieces.</summary>
    private static void RequireEnough(int merges, Vocabulary vocabulary, SpecialTokens special)
    {
        const string EndOfWord = "</w>";
        var needed = vocabulary.Ids.Keys.Count(entry => entry.Length > (entry.EndsWith(EndOfWord, StringComparison.Ordinal) ? EndOfWord.Length + 1 : 1)) - special.Added.Count;
        if (merges < 0.9 * needed)
        {
            throw new ModelException($"{vocabulary.File} has {needed} entries that merges make, and there are {merges} merges: these are cut short or of another model; copy the tokenizer again.");
        }
    }

    /// <summary>Names the first line that is no merge.</summary>
    private static void RequireMerges(List<Merge> merges, Vocabulary vocabulary)
    {
        foreach (var (sides, where, words) in merges)
        {
            var isMerge = sides.Split(' ') is [var left, var right]
                && vocabulary.Ids.ContainsKey(left) && vocabulary.Ids.ContainsKey(right) && vocabulary.Ids.ContainsKey(left + right);
            if (!isMerge)
            {
                throw new ModelException($"{where}: \"{OneLine.Shorten(OneLine.Of(sides))}\" is not a merge of two entries of {words}. "
                    + "The two must come from the same model.");
            }
        }
    }

    private static JsonElement ReadJsonObject(string file) => Read(file, path => ModelJson.Read(path));

    private static T Read<T>(string file, Func<string, T> read) => File.Exists(file)
        ? read(file)
        : throw new ModelException($"{file} is missing: a model's tokenizer folder holds vocab.json and merges.txt, or tokenizer.json.");

    /// <summary>A rule of byte pair encoding.</summary>
    /// <param name="Sides">What is merged, with a space between.</param>
    /// <param name="Where">Where it stands, for messages.</param>
    /// <param name="Words">Where the vocabulary stands that it is for.</param>
    private sealed record Merge(string Sides, string Where, string Words);

    /// <summary>CLIP's special tokens, by its own names where the files give none.</summary>
    private sealed record SpecialTokens(
        SpecialToken Bos, SpecialToken Eos, SpecialToken Unknown, SpecialToken Pad, int? ModelMaxLength, IReadOnlyCollection<SpecialToken> Added)
    {
        public static SpecialTokens Read(string folder, Vocabulary vocabulary, JsonElement added)
        {
            var settings = new TokenizerSettings(folder, vocabulary.File, vocabulary.Ids, "CLIP", added);

            // Where a file gives no more than the text, transformers' CLIPTokenizer looks for all but the padding in lower case.
            return new SpecialTokens(
                settings.Named("bos_token", DefaultBos, normalized: true),
                settings.Named("eos_token", DefaultEos, normalized: true),
                settings.Named("unk_token", DefaultEos, normalized: true),
                settings.Named("pad_token", DefaultEos, normalized: false),
                settings.ModelMaxLength,
                settings.Added);
        }
    }

    private sealed record Vocabulary(string File, Dictionary<string, int> Ids)
    {
        /// <param name="file">Where the entries stand, for messages.</param>
        /// <param name="entries">An object from token to id.</param>
        public static Vocabulary Of(string file, JsonElement entries)
        {
            var ids = new Dictionary<string, int>(entries.GetPropertyCount(), StringComparer.Ordinal);
            foreach (var entry in entries.EnumerateObject())
            {
                ids[entry.Name] = entry.Value.ValueKind == JsonValueKind.Number && entry.Value.TryGetInt32(out var id) && id is >= 0 and < TokenizerSettings.MostIds
                    ? id
                    : throw new ModelException(
                        $"{file}: the id of \"{OneLine.Shorten(OneLine.Of(entry.Name))}\" is {OneLine.Shorten(OneLine.Of(entry.Value.GetRawText()))}, not a whole number from 0 up.");
            }

            return new Vocabulary(file, ids);
        }
    }
}
