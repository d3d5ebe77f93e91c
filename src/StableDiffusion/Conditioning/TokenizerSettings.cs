using System.Globalization;
using System.Text.Json;

namespace StableDiffusion;

/// <summary>A token that means something of its own.</summary>
/// <param name="Content">As it is written in prompts.</param>
/// <param name="Id">Its number.</param>
/// <param name="Normalized">Whether it is looked for after lower-casing and not in the prompt as typed.</param>
internal sealed record SpecialToken(string Content, int Id, bool Normalized);

/// <summary>What <c>tokenizer_config.json</c> and, of older transformers, <c>special_tokens_map.json</c> and <c>added_tokens.json</c> say of special tokens, whatever the tokenizer.</summary>
internal sealed class TokenizerSettings
{
    /// <summary>More than any vocabulary has.</summary>
    public const int MostIds = 10_000_000;

    /// <summary>Lengths above this are transformers' way of writing "not known" (1e30).</summary>
    private const double LongestKnownLength = 1_000_000;

    private readonly Dictionary<string, SpecialToken> _added = new(StringComparer.Ordinal);
    private readonly Dictionary<string, JsonElement> _settings = new(StringComparer.Ordinal);
    private readonly string _folder;
    private readonly string _vocabulary;
    private readonly Dictionary<string, int> _ids;
    private readonly string _kind;

    /// <param name="folder">The tokenizer's folder.</param>
    /// <param name="vocabulary">The file of its vocabulary, for messages.</param>
    /// <param name="ids">The vocabulary.</param>
    /// <param name="kind">Whose tokenizer it ought to be, for messages.</param>
    /// <param name="added">The added tokens of <c>tokenizer.json</c>; nothing where that is not read.</param>
    public TokenizerSettings(string folder, string vocabulary, Dictionary<string, int> ids, string kind, JsonElement added = default)
    {
        (_folder, _vocabulary, _ids, _kind) = (folder, vocabulary, ids, kind);
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
            AddOlderTokens();
        }

        foreach (var token in added.ValueKind == JsonValueKind.Array ? added.EnumerateArray() : default)
        {
            var content = token.GetProperty("content").GetString()!;
            if (content.Length > 0)
            {
                _added.TryAdd(content, new SpecialToken(content, token.GetProperty("id").GetInt32(), IsNormalized(token, whenText: false)));
            }
        }

        ModelMaxLength = ReadMaxLength();
    }

    /// <summary>The length that texts are cut to; null where it is not known.</summary>
    public int? ModelMaxLength { get; }

    /// <summary>The tokens that the files list, and those that were asked for by name.</summary>
    public IReadOnlyCollection<SpecialToken> Added => _added.Values;

    /// <summary>The token of a key such as <c>unk_token</c>.</summary>
    /// <param name="key">The key.</param>
    /// <param name="byDefault">How it is written where no file says it.</param>
    /// <param name="normalized">Whether it is looked for after lower-casing where a file gives no more than its text.</param>
    /// <exception cref="ModelException">The vocabulary lacks it.</exception>
    public SpecialToken Named(string key, string byDefault, bool normalized) => Find(key, byDefault, normalized)
        ?? throw new ModelException($"{_vocabulary} has no \"{ContentOf(_settings.GetValueOrDefault(key)) ?? byDefault}\", the {key} of {_folder}. "
            + $"Is this the tokenizer of a {_kind} text encoder?");

    /// <summary>The same; null where the vocabulary lacks it.</summary>
    public SpecialToken? Find(string key, string byDefault, bool normalized)
    {
        var value = _settings.GetValueOrDefault(key);
        var content = ContentOf(value) ?? byDefault;
        if (!_added.TryGetValue(content, out var token) && _ids.TryGetValue(content, out var id))
        {
            token = new SpecialToken(content, id, IsNormalized(value, whenText: normalized));
            _added.Add(content, token);
        }

        return token;
    }

    private void ReadSettings(string name)
    {
        var file = Path.Combine(_folder, name);
        if (!File.Exists(file))
        {
            return;
        }

        foreach (var setting in ModelJson.Read(file).EnumerateObject())
        {
            _settings[setting.Name] = setting.Value;
        }
    }

    /// <summary><c>added_tokens.json</c>, where transformers before 4.34 kept what was added to a vocabulary: ids by their texts.</summary>
    private void AddOlderTokens()
    {
        var file = Path.Combine(_folder, "added_tokens.json");
        if (!File.Exists(file))
        {
            return;
        }

        var special = _settings.Values.SelectMany(value => value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : Enumerable.Repeat(value, 1)).Select(ContentOf).ToHashSet();
        foreach (var entry in ModelJson.Read(file).EnumerateObject())
        {
            if (entry.Name.Length == 0 || entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out var id) || id is < 0 or >= MostIds)
            {
                throw new ModelException($"{file} holds \"{OneLine.Shorten(OneLine.Of(entry.Name))}\": {OneLine.Shorten(OneLine.Of(entry.Value.GetRawText()))}, not a token with its id.");
            }

            _added.TryAdd(entry.Name, new SpecialToken(entry.Name, id, Normalized: !special.Contains(entry.Name)));
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
