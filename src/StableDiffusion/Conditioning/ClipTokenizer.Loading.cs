using System.Text.Json;

namespace StableDiffusion;

internal sealed partial class ClipTokenizer
{
    private const string DefaultBos = "<|startoftext|>";
    private const string DefaultEos = "<|endoftext|>";

    /// <summary>Lengths above this are transformers' way of writing "not known" (1e30).</summary>
    private const double LongestKnownLength = 1_000_000;

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

        VocabularySize = _texts.Keys.Max() + 1;
    }

    /// <summary>
    /// Reads a model's tokenizer folder: <c>vocab.json</c> and <c>merges.txt</c>, and for the special tokens
    /// <c>tokenizer_config.json</c> and <c>special_tokens_map.json</c> where they exist.
    /// </summary>
    /// <exception cref="ModelException">A file is missing or not what transformers writes.</exception>
    public static ClipTokenizer Load(string folder)
    {
        var vocabulary = Vocabulary.Read(Path.Combine(folder, "vocab.json"));
        var file = Path.Combine(folder, "merges.txt");
        var lines = Read(file, File.ReadAllLines);
        var special = SpecialTokens.Read(folder, vocabulary);
        return new ClipTokenizer(vocabulary, CreateEncoder(file, lines, vocabulary, special), special);
    }

    private static AddedToken[] Longest(IEnumerable<(PlacedRune[] Content, int Id)> tokens) =>
    [
        .. from token in tokens
           orderby token.Content.Length descending
           select new AddedToken([.. token.Content.Select(rune => rune.Value)], token.Id),
    ];

    private static BytePairEncoder CreateEncoder(string file, string[] lines, Vocabulary vocabulary, SpecialTokens special)
    {
        // transformers passes over the first line, "#version: 0.2", unread.
        List<string> merges = [.. lines.Skip(1).Where(line => !string.IsNullOrWhiteSpace(line)).Select(line => line.Trim())];
        try
        {
            return BytePairEncoder.Create(vocabulary.Ids, merges, special.Unknown.Content, special.Unknown.Id);
        }
        catch (Exception exception) when (exception is InvalidOperationException or ArgumentException)
        {
            RequireMerges(file, lines, vocabulary);

            // What is left is a merge that is there twice; the later one counts.
            List<string> distinct = [.. Enumerable.Reverse(merges).Distinct().Reverse()];
            return BytePairEncoder.Create(vocabulary.Ids, distinct, special.Unknown.Content, special.Unknown.Id);
        }
    }

    /// <summary>Names the first line that is no merge.</summary>
    private static void RequireMerges(string file, string[] lines, Vocabulary vocabulary)
    {
        for (var i = 1; i < lines.Length; i++)
        {
            var isMerge = string.IsNullOrWhiteSpace(lines[i])
                || (lines[i].Trim().Split(' ') is [var left, var right]
                    && vocabulary.Ids.ContainsKey(left) && vocabulary.Ids.ContainsKey(right) && vocabulary.Ids.ContainsKey(left + right));
            if (!isMerge)
            {
                throw new ModelException($"{file} line {i + 1}: \"{lines[i]}\" is not a merge of two entries of vocab.json. "
                    + "The two files must come from the same model.");
            }
        }
    }

    private static JsonElement ReadJsonObject(string file)
    {
        try
        {
            var root = JsonDocument.Parse(Read(file, File.ReadAllBytes)).RootElement;
            return root.ValueKind == JsonValueKind.Object ? root : throw new ModelException($"{file} is not a JSON object.");
        }
        catch (JsonException exception)
        {
            throw new ModelException($"{file} is not JSON: {exception.Message}", exception);
        }
    }

    private static T Read<T>(string file, Func<string, T> read)
    {
        try
        {
            return read(file);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModelException($"{file} is missing: a model's tokenizer folder holds vocab.json and merges.txt.", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{file} cannot be read: {exception.Message}", exception);
        }
    }

    private sealed record Vocabulary(string File, Dictionary<string, int> Ids)
    {
        public static Vocabulary Read(string file)
        {
            var entries = ReadJsonObject(file);
            var ids = new Dictionary<string, int>(entries.GetPropertyCount(), StringComparer.Ordinal);
            foreach (var entry in entries.EnumerateObject())
            {
                ids[entry.Name] = entry.Value.ValueKind == JsonValueKind.Number && entry.Value.TryGetInt32(out var id) && id >= 0
                    ? id
                    : throw new ModelException(
                        $"{file}: the id of \"{entry.Name}\" is {entry.Value.GetRawText()}, not a whole number from 0 up.");
            }

            return new Vocabulary(file, ids);
        }
    }
}
