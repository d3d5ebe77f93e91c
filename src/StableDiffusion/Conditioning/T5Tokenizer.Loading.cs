using System.Buffers.Binary;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace StableDiffusion;

/// <content>Reads <c>tokenizer.json</c>, or <c>spiece.model</c> where there is none.</content>
internal sealed partial class T5Tokenizer
{
    private const int ExtraIds = 100;

    /// <summary>Reads a model's tokenizer folder.</summary>
    /// <exception cref="ModelException">Neither file is there, or one is not what transformers and SentencePiece write.</exception>
    public static T5Tokenizer Load(string folder)
    {
        var (json, pieces) = (Path.Combine(folder, "tokenizer.json"), Path.Combine(folder, "spiece.model"));
        var file = File.Exists(json) ? json : pieces;
        try
        {
            return file == json ? FromJson(File.ReadAllBytes(json)) : FromPieces(File.ReadAllBytes(pieces));
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModelException($"{folder} has no tokenizer.json and no spiece.model, of which T5 needs one.", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{file} cannot be read: {OneLine.Of(error.Message)}", error);
        }
        catch (Exception error) when (error is JsonException or FormatException or KeyNotFoundException or InvalidOperationException
            or ArgumentException or IndexOutOfRangeException or NotSupportedException or ModelException)
        {
            throw new ModelException($"{file} is not a T5 tokenizer: {OneLine.Of(error.Message)}", error);
        }
    }

    private static T5Tokenizer FromJson(byte[] bytes)
    {
        using var document = JsonDocument.Parse(bytes);
        var root = document.RootElement;
        var model = root.GetProperty("model");
        if (model.GetProperty("type").GetString() != "Unigram")
        {
            throw new FormatException($"its model is {model.GetProperty("type").GetString()}, not Unigram");
        }

        var pieces = model.GetProperty("vocab").EnumerateArray().Select(entry => (entry[0].GetString() ?? "", entry[1].GetDouble())).ToList();
        var specials = root.GetProperty("added_tokens").EnumerateArray().Select(token => new TypedToken(
            token.GetProperty("content").GetString() ?? "",
            token.GetProperty("id").GetInt32(),
            token.GetProperty("lstrip").GetBoolean(),
            token.GetProperty("rstrip").GetBoolean())).ToList();
        var cut = PreTokenizer(root.TryGetProperty("pre_tokenizer", out var preTokenizer) ? preTokenizer : default);
        return Create(pieces, model.GetProperty("unk_id").GetInt32(), Normalizer(root.GetProperty("normalizer")), cut, specials);
    }

    private static T5Tokenizer Create(
        List<(string Piece, double Score)> pieces, int unknown, Func<string, string> normalize, Func<Part, IEnumerable<Part>> cut, List<TypedToken> specials)
    {
        if (unknown < 0 || unknown >= pieces.Count)
        {
            throw new FormatException($"the id of unknown pieces is {unknown}, and there are {pieces.Count} pieces");
        }

        return new T5Tokenizer(new UnigramModel(pieces, unknown), normalize, cut, specials);
    }

    private static Func<string, string> Normalizer(JsonElement json)
    {
        if (json.ValueKind == JsonValueKind.Null)
        {
            return text => text;
        }

        switch (json.GetProperty("type").GetString())
        {
            case "Sequence":
                var steps = json.GetProperty("normalizers").EnumerateArray().Select(Normalizer).ToList();
                return text => steps.Aggregate(text, (so, step) => step(so));
            case "Precompiled":
                return json.GetProperty("precompiled_charsmap") is { ValueKind: JsonValueKind.String } map
                    ? new CharacterMap(map.GetBytesFromBase64()).Apply
                    : text => text;
            case "Strip":
                var (left, right) = (json.GetProperty("strip_left").GetBoolean(), json.GetProperty("strip_right").GetBoolean());
                return text => Strip(text, left, right);
            case "Replace":
                return Replacement(json.GetProperty("pattern"), json.GetProperty("content").GetString() ?? "");
            case "Nmt":
                return NmtSpaces;
            case "NFC":
                return Compose;
            case "NFKC":
                return CanonicalComposition.ComposeCompatible;
            case "Lowercase":
                return LowerCase.Of;
            case var other:
                throw new FormatException($"its normalizer {other} is not known");
        }
    }

    /// <summary>How a normalized text is cut into words.</summary>
    private static Func<Part, IEnumerable<Part>> PreTokenizer(JsonElement json)
    {
        if (json.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined)
        {
            return part => [part];
        }

        switch (json.GetProperty("type").GetString())
        {
            case "Sequence":
                var steps = json.GetProperty("pretokenizers").EnumerateArray().Select(PreTokenizer).ToList();
                return part => steps.Aggregate<Func<Part, IEnumerable<Part>>, IEnumerable<Part>>([part], (parts, step) => parts.SelectMany(step));
            case "WhitespaceSplit":
                return part => part.Text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
                    .Select((word, i) => new Part(word, i == 0 && part.IsFirst && !char.IsWhiteSpace(part.Text[0])));
            case "Metaspace":
                var isSpace = json.GetProperty("replacement").GetString() == Space.ToString();
                var splits = !json.TryGetProperty("split", out var split) || split.GetBoolean();
                var prepends = Prepends(json);
                return isSpace ? part => Spaced(part, prepends, splits) : throw new FormatException($"its words begin with another character than {Space}");
            case var other:
                throw new FormatException($"its pre-tokenizer {other} is not known");
        }
    }

    /// <summary>Which parts get a space before them: "always", "first" or "never". Files of before 2023 say with add_prefix_space that all do.</summary>
    private static string Prepends(JsonElement metaspace)
    {
        var name = metaspace.TryGetProperty("prepend_scheme", out var scheme) ? scheme.GetString() : "always";
        var isBare = metaspace.TryGetProperty("add_prefix_space", out var prefix) && prefix.ValueKind == JsonValueKind.False;
        return name is "never" || (name is "always" or "first" && !isBare)
            ? name
            : throw new FormatException($"its prepend_scheme {name} is not known, or is not what add_prefix_space says");
    }

    /// <summary>The words of a part, each with the space before it.</summary>
    private static IEnumerable<Part> Spaced(Part part, string prepends, bool splits)
    {
        var text = part.Text.Replace(' ', Space);
        var bare = text[0] != Space && (prepends == "always" || (prepends == "first" && part.IsFirst));
        text = bare ? Space + text : text;
        for (var start = 0; start < text.Length;)
        {
            var next = splits ? text.IndexOf(Space, start + 1) : -1;
            next = next < 0 ? text.Length : next;
            yield return new Part(text[start..next], part.IsFirst && start == 0);
            start = next;
        }
    }

    private static Func<string, string> Replacement(JsonElement pattern, string content)
    {
        if (pattern.TryGetProperty("Regex", out var expression))
        {
            // Without backtracking no pattern takes longer than the text is long.
            var regex = new Regex(expression.GetString() ?? "", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
            return text => regex.Replace(text, content.Replace("$", "$$", StringComparison.Ordinal));
        }

        var literal = pattern.GetProperty("String").GetString() ?? "";
        return literal.Length > 0
            ? text => text.Replace(literal, content, StringComparison.Ordinal)
            : throw new FormatException("a normalizer replaces a text of no characters");
    }

    private static string Strip(string text, bool left, bool right)
    {
        text = left ? text.TrimStart() : text;
        return right ? text.TrimEnd() : text;
    }

    /// <summary>Control characters go, all kinds of white space become spaces.</summary>
    private static string NmtSpaces(string text) => string.Concat(text.Select(character => character switch
    {
        (>= '\u0001' and <= '\u0008') or '\u000B' or (>= '\u000E' and <= '\u001F') or '\u007F' or '\u008F' or '\u009F' => "",
        '\t' or '\n' or '\f' or '\r' or '\u1680' or (>= '\u200B' and <= '\u200F') or '\u2028' or '\u2029' or '\u2581' or '\uFEFF' or '\uFFFD' => " ",
        _ => character.ToString(),
    }));

    private static string Compose(string text)
    {
        var start = 0;
        var placed = new List<PlacedRune>();
        foreach (var rune in text.EnumerateRunes())
        {
            placed.Add(new PlacedRune(rune.Value, start));
            start += rune.Utf16SequenceLength;
        }

        return string.Concat(CanonicalComposition.Compose([.. placed]).Select(rune => char.ConvertFromUtf32(rune.Value)));
    }

    /// <summary>SentencePiece's own file (sentencepiece_model.proto), with the 100 extra ids that transformers puts behind its pieces.</summary>
    private static T5Tokenizer FromPieces(byte[] bytes)
    {
        var pieces = new List<(string Piece, double Score)>();
        var unknown = -1;
        CharacterMap? map = null;
        var reader = new ProtobufReader(bytes);
        while (reader.Next())
        {
            if (reader.Number == 1)
            {
                var (piece, score, type) = Piece(reader.Inside);
                unknown = type == 2 ? pieces.Count : unknown;
                pieces.Add((piece, score));
            }
            else if (reader.Number == 3 && CharactersMap(reader.Inside) is { Length: > 0 } characters)
            {
                map = new CharacterMap(characters);
            }
        }

        var specials = pieces.Index()
            .Where(entry => entry.Item.Piece is "<pad>" or "</s>" or "<unk>")
            .Select(entry => new TypedToken(entry.Item.Piece, entry.Index))
            .ToList();
        for (var i = ExtraIds - 1; i >= 0; i--)
        {
            specials.Add(new TypedToken($"<extra_id_{i}>", pieces.Count));
            pieces.Add(($"<extra_id_{i}>", 0));
        }

        var spaces = new Regex(" {2,}", RegexOptions.CultureInvariant);
        return Create(
            pieces, unknown, text => spaces.Replace((map?.Apply(text) ?? text).TrimEnd(), Space.ToString()), part => Spaced(part, "always", splits: true), specials);
    }

    private static (string Piece, double Score, ulong Type) Piece(ProtobufReader reader)
    {
        var (piece, score, type) = ("", 0f, 1ul);
        while (reader.Next())
        {
            switch (reader.Number)
            {
                case 1:
                    piece = ProtobufField.Decode(reader.Payload);
                    break;
                case 2:
                    score = BinaryPrimitives.ReadSingleLittleEndian(reader.Payload);
                    break;
                case 3:
                    type = ProtobufReader.Varint(reader.Payload).Value;
                    break;
                default:
                    break;
            }
        }

        return (piece, score, type);
    }

    private static byte[] CharactersMap(ProtobufReader reader)
    {
        byte[] map = [];
        while (reader.Next())
        {
            map = reader.Number == 2 ? reader.Payload.ToArray() : map;
        }

        return map;
    }
}
