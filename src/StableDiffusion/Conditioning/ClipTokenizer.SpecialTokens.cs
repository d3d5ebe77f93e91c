using System.Globalization;
using System.Text.Json;

namespace StableDiffusion;

internal sealed partial class ClipTokenizer
{
    /// <param name="Content">As it is written in prompts.</param>
    /// <param name="Id">Its number.</param>
    /// <param name="Normalized">Whether it is looked for after lower-casing and not in the prompt as typed.</param>
    private sealed record SpecialToken(string Content, int Id, bool Normalized);

    /// <summary>What <c>tokenizer_config.json</c> and <c>special_tokens_map.json</c> say, filled up with CLIP's defaults.</summary>
    private sealed class SpecialTokens
    {
        private readonly Dictionary<string, SpecialToken> _added = new(StringComparer.Ordinal);
        private readonly Dictionary<string, JsonElement> _settings = new(StringComparer.Ordinal);
        private readonly string _folder;
        private readonly Vocabulary _vocabulary;

        private SpecialTokens(string folder, Vocabulary vocabulary, JsonElement added)
        {
            (_folder, _vocabulary) = (folder, vocabulary);
            ReadSettings("tokenizer_config.json");
            if (_settings.TryGetValue("added_tokens_decoder", out var decoder) && decoder.ValueKind == JsonValueKind.Object)
            {
                foreach (var entry in decoder.EnumerateObject())
                {
                    AddDecoderEntry(entry);
                }
            }
            else
            {
                // transformers reads the older file only beside a configuration that lists no tokens, and then it has the last word.
                ReadSettings("special_tokens_map.json");
            }

            foreach (var token in added.ValueKind == JsonValueKind.Array ? added.EnumerateArray() : default)
            {
                var content = token.GetProperty("content").GetString()!;
                if (content.Length > 0)
                {
                    _added.TryAdd(content, new SpecialToken(content, token.GetProperty("id").GetInt32(), IsNormalized(token, whenText: false)));
                }
            }

            // Where a file gives no more than the text, transformers' CLIPTokenizer looks for all but the padding in lower case.
            Bos = Named("bos_token", DefaultBos, normalized: true);
            Eos = Named("eos_token", DefaultEos, normalized: true);
            Unknown = Named("unk_token", DefaultEos, normalized: true);
            Pad = Named("pad_token", DefaultEos, normalized: false);
            ModelMaxLength = ReadMaxLength();
        }

        public SpecialToken Bos { get; }

        public SpecialToken Eos { get; }

        public SpecialToken Unknown { get; }

        public SpecialToken Pad { get; }

        public int? ModelMaxLength { get; }

        public IReadOnlyCollection<SpecialToken> Added => _added.Values;

        /// <param name="folder">The tokenizer's folder.</param>
        /// <param name="vocabulary">Its vocabulary.</param>
        /// <param name="added">The added tokens of <c>tokenizer.json</c>; nothing where that is not read.</param>
        public static SpecialTokens Read(string folder, Vocabulary vocabulary, JsonElement added) => new(folder, vocabulary, added);

        private void ReadSettings(string name)
        {
            var file = Path.Combine(_folder, name);
            if (!File.Exists(file))
            {
                return;
            }

            foreach (var setting in ReadJsonObject(file).EnumerateObject())
            {
                _settings[setting.Name] = setting.Value;
            }
        }

        private void AddDecoderEntry(JsonProperty entry)
        {
            if (!int.TryParse(entry.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                || id >= MostIds
                || ContentOf(entry.Value) is not { } content)
            {
                throw new ModelException($"{Path.Combine(_folder, "tokenizer_config.json")}: added_tokens_decoder holds "
                    + $"\"{entry.Name}\": {OneLine.Shorten(OneLine.Of(entry.Value.GetRawText()))}, not an id with its token.");
            }

            _added.TryAdd(content, new SpecialToken(content, id, IsNormalized(entry.Value, whenText: false)));
        }

        private SpecialToken Named(string key, string byDefault, bool normalized)
        {
            var value = _settings.GetValueOrDefault(key);
            var content = ContentOf(value) ?? byDefault;
            if (_added.TryGetValue(content, out var token))
            {
                return token;
            }

            if (!_vocabulary.Ids.TryGetValue(content, out var id))
            {
                throw new ModelException($"{_vocabulary.File} has no \"{content}\", the {key} of {_folder}. "
                    + "Is this the tokenizer of a CLIP text encoder?");
            }

            token = new SpecialToken(content, id, IsNormalized(value, whenText: normalized));
            _added.Add(content, token);
            return token;
        }

        /// <summary>A token is written as its text, or as an object that also says how to look for it.</summary>
        private static string? ContentOf(JsonElement token) => token switch
        {
            { ValueKind: JsonValueKind.String } => NotEmpty(token),
            { ValueKind: JsonValueKind.Object } when token.TryGetProperty("content", out var content)
                && content.ValueKind == JsonValueKind.String => NotEmpty(content),
            _ => null,
        };

        private static string? NotEmpty(JsonElement text) => text.GetString() is { Length: > 0 } content ? content : null;

        private static bool IsNormalized(JsonElement token, bool whenText) => token.ValueKind == JsonValueKind.Object
            ? token.TryGetProperty("normalized", out var normalized) && normalized.ValueKind == JsonValueKind.True
            : whenText;

        private int? ReadMaxLength() => _settings.GetValueOrDefault("model_max_length") is { ValueKind: JsonValueKind.Number } length
            && length.GetDouble() is >= 2 and <= LongestKnownLength and var known
                ? (int)known
                : null;
    }
}
