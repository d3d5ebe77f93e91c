using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace StableDiffusion;

/// <summary>
/// JSON that others wrote, read so that nothing is left to fail later: a name that stands twice and half of a character are errors here, where
/// <see cref="JsonDocument"/> and <see cref="JsonNode"/> throw at whoever first looks at them.
/// </summary>
internal static class StrictJson
{
    private static readonly UTF8Encoding _strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads a text.</summary>
    /// <exception cref="JsonException">It is no JSON, has a name twice, or half of a character.</exception>
    public static JsonDocument Parse(string text, JsonDocumentOptions options = default)
    {
        byte[] bytes;
        try
        {
            bytes = _strict.GetBytes(text);
        }
        catch (EncoderFallbackException error)
        {
            throw new JsonException("it has half of a character (a lone surrogate).", error);
        }

        RequireWholeTexts(bytes, new JsonReaderOptions { AllowTrailingCommas = options.AllowTrailingCommas, CommentHandling = options.CommentHandling, MaxDepth = options.MaxDepth });
        options.AllowDuplicateProperties = false;
        return JsonDocument.Parse(bytes, options);
    }

    /// <summary>Reads a file, or an answer from the network: UTF-8, with or without a mark.</summary>
    /// <inheritdoc cref="Parse(string, JsonDocumentOptions)"/>
    public static JsonDocument Parse(ReadOnlySpan<byte> bytes, JsonDocumentOptions options = default)
    {
        try
        {
            return Parse(_strict.GetString(bytes).TrimStart('\uFEFF'), options);
        }
        catch (DecoderFallbackException error)
        {
            throw new JsonException("it is not UTF-8 text.", error);
        }
    }

    /// <summary>The object that a text is; null where it is none, for those who then go on without it.</summary>
    public static JsonObject? TryParseObject(string text)
    {
        try
        {
            using var document = Parse(text);
            return document.RootElement.ValueKind == JsonValueKind.Object ? JsonObject.Create(document.RootElement.Clone()) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Half a surrogate pair, written as an escape, is no text: it could be neither shown nor compared.</summary>
    /// <exception cref="JsonException">There is one, or the bytes are no JSON.</exception>
    public static void RequireWholeTexts(byte[] bytes, JsonReaderOptions options)
    {
        var reader = new Utf8JsonReader(bytes, options);
        while (reader.Read())
        {
            if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName) || !reader.ValueIsEscaped)
            {
                continue;
            }

            try
            {
                reader.GetString();
            }
            catch (InvalidOperationException error)
            {
                var line = bytes.AsSpan(0, (int)reader.TokenStartIndex).Count((byte)'\n');
                throw new JsonException(
                    $"the text {OneLine.Shorten(Encoding.UTF8.GetString(reader.ValueSpan))} has half of a character (a lone surrogate).", null, line, null, error);
            }
        }
    }
}
