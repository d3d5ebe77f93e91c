using System.Text.Json;

namespace StableDiffusion;

internal sealed partial class ClipTokenizer
{
    /// <summary>A <c>tokenizer.json</c> of the tokenizers library, as far as it is CLIP's byte-level byte pair encoding.</summary>
    private sealed record TokenizerFile(Vocabulary Vocabulary, List<Merge> Merges, JsonElement AddedTokens)
    {
        /// <summary>Reads the file; null where there is none.</summary>
        /// <exception cref="ModelException">It is the file of another kind of tokenizer, or broken.</exception>
        public static TokenizerFile? ReadIfExists(string path)
        {
            if (!File.Exists(path))
            {
                return null;
            }

            var root = ReadJsonObject(path);
            if (!root.TryGetProperty("model", out var model) || model.ValueKind != JsonValueKind.Object
                || !model.TryGetProperty("vocab", out var entries) || entries.ValueKind != JsonValueKind.Object
                || !model.TryGetProperty("merges", out var rules) || rules.ValueKind != JsonValueKind.Array)
            {
                throw new ModelException($"{path} is no byte pair encoding: its \"model\" has no \"vocab\" and \"merges\". Is this the tokenizer of a CLIP text encoder?");
            }

            if (!model.TryGetProperty("end_of_word_suffix", out var suffix) || suffix.ValueKind != JsonValueKind.String || !suffix.ValueEquals(EndOfWord))
            {
                throw new ModelException($"{path}: \"end_of_word_suffix\" is not \"{EndOfWord}\". Is this the tokenizer of a CLIP text encoder?");
            }

            var vocabulary = Vocabulary.Of(path, entries);
            return new TokenizerFile(vocabulary, MergesOf(path, rules), AddedTokensOf(path, root));
        }

        // Older files write a merge as "a b", newer ones as ["a", "b"].
        private static List<Merge> MergesOf(string path, JsonElement rules)
        {
            var merges = new List<Merge>(rules.GetArrayLength());
            foreach (var rule in rules.EnumerateArray())
            {
                var sides = rule.ValueKind switch
                {
                    JsonValueKind.String => rule.GetString()!,
                    JsonValueKind.Array when rule.EnumerateArray().All(side => side.ValueKind == JsonValueKind.String) =>
                        string.Join(' ', rule.EnumerateArray().Select(side => side.GetString())),
                    _ => throw new ModelException($"{path}: {OneLine.Shorten(OneLine.Of(rule.GetRawText()))} in \"merges\" is not a merge of two entries of \"vocab\"."),
                };
                merges.Add(new Merge(sides, $"{path}, merge {merges.Count + 1}", "\"vocab\""));
            }

            return merges;
        }

        private static JsonElement AddedTokensOf(string path, JsonElement root) =>
            !root.TryGetProperty("added_tokens", out var added) || added.ValueKind == JsonValueKind.Null ? default
            : added.ValueKind == JsonValueKind.Array && added.EnumerateArray().All(IsToken) ? added
            : throw new ModelException($"{path}: \"added_tokens\" is no list of ids with their \"content\".");

        private static bool IsToken(JsonElement token) =>
            token.ValueKind == JsonValueKind.Object
            && token.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out var number) && number is >= 0 and < TokenizerSettings.MostIds
            && token.TryGetProperty("content", out var content) && content.ValueKind == JsonValueKind.String;
    }
}
