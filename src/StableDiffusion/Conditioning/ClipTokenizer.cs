using System.Text;

namespace StableDiffusion;

/// <summary>
/// CLIP's byte-level byte pair encoding: prompt to token ids, the same ids as transformers' <c>CLIPTokenizerFast</c>.
/// Immutable, so one may serve several threads.
/// </summary>
internal sealed partial class ClipTokenizer : ITokenizer
{
    private const string EndOfWord = "</w>";

    /// <summary>The printable characters that vocab.json writes for the 256 bytes (bytes_to_unicode in OpenAI's encoder.py).</summary>
    private static readonly char[] _byteCharacters = MakeByteCharacters();

    private readonly Dictionary<int, string> _texts;
    private readonly BytePairEncoder _words;
    private readonly AddedToken[] _rawTokens;
    private readonly AddedToken[] _normalizedTokens;

    /// <summary>The token that begins every prompt.</summary>
    public int BosId { get; }

    int? ITokenizer.BosId => BosId;

    /// <summary>The token that ends every prompt.</summary>
    public int EosId { get; }

    /// <summary>The token that fills up what is left of the encoder's length: the end token for Stable Diffusion 1, "!" for 2.</summary>
    public int PadId { get; }

    /// <summary>How many tokens the text encoder takes, begin and end included; null where the model's files do not say.</summary>
    public int? ModelMaxLength { get; }

    /// <summary>The prompt's token ids, without begin, end and padding, however many they are. Never fails.</summary>
    public IReadOnlyList<int> Encode(string text) => [.. Tokenize(text).Select(token => token.Id)];

    /// <summary>The prompt's tokens as <see cref="Encode"/> numbers them, and where in the text each begins.</summary>
    public IReadOnlyList<Token> Tokenize(string text)
    {
        var tokens = new List<Token>();
        foreach (var (raw, rawMatch) in Split(Runes(text), _rawTokens))
        {
            foreach (var (part, match) in Split(Normalize([.. raw]), _normalizedTokens))
            {
                AddWords(part, tokens);
                Add(match, tokens);
            }

            Add(rawMatch, tokens);
        }

        return tokens;
    }

    /// <summary>
    /// Cuts or pads a prompt to <paramref name="length"/> ids, as transformers does with
    /// <c>padding="max_length", truncation=True</c>: begin token, at most length - 2 tokens, end token, padding.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The length has no room for begin and end.</exception>
    public TokenizedPrompt Truncate(string text, int length) => Truncate(text, Tokenize(text), length);

    /// <summary>The same of a text whose tokens are known.</summary>
    public TokenizedPrompt Truncate(string text, IReadOnlyList<Token> tokens, int length)
    {
        var ids = this.Frame([.. tokens.Select(token => token.Id)], length);
        var room = this.RoomIn(length);
        return new TokenizedPrompt(ids, tokens.Count > room ? text[tokens[room].Start..].Trim() : "");
    }

    /// <summary>What the vocabulary writes for an id; null where it has no such id.</summary>
    public string? NameOf(int id) => _texts.GetValueOrDefault(id);

    /// <summary>Whether a word ends with the token.</summary>
    public bool EndsWord(int id) => NameOf(id)?.EndsWith(EndOfWord, StringComparison.Ordinal) == true;

    /// <summary>The UTF-8 bytes that a token stands for: whole characters or parts of one. None for an id that the vocabulary lacks.</summary>
    public byte[] BytesOf(int id)
    {
        var name = NameOf(id) ?? "";
        var text = EndsWord(id) ? name[..^EndOfWord.Length] : name;
        return [.. text.Select(character => (byte)(Array.IndexOf(_byteCharacters, character) is >= 0 and var value ? value : ' '))];
    }

    /// <summary>The text by character; halves of surrogate pairs that stand alone become U+FFFD.</summary>
    private static PlacedRune[] Runes(string text)
    {
        var runes = new List<PlacedRune>(text.Length);
        var start = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            runes.Add(new PlacedRune(rune.Value, start));
            start += rune.Utf16SequenceLength;
        }

        return [.. runes];
    }

    /// <summary>Form C, then lower case character by character. CLIP also joins white space here, which the words never see.</summary>
    private static PlacedRune[] Normalize(PlacedRune[] text) =>
        [.. CanonicalComposition.Compose(text).SelectMany(rune => LowerCase.Of(rune.Value).Select(value => rune with { Value = value }))];

    /// <summary>Cuts the text at the added tokens written in it, the longest where several fit.</summary>
    private static IEnumerable<(ArraySegment<PlacedRune> Before, Token? Match)> Split(PlacedRune[] text, AddedToken[] added)
    {
        var start = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (Array.Find(added, token => token.IsAt(text, i)) is { } match)
            {
                yield return (new ArraySegment<PlacedRune>(text, start, i - start), new Token(match.Id, text[i].Start));
                start = i + match.Content.Length;
                i = start - 1;
            }
        }

        yield return (new ArraySegment<PlacedRune>(text, start, text.Length - start), null);
    }

    private static void Add(Token? match, List<Token> tokens)
    {
        if (match is { } token)
        {
            tokens.Add(token);
        }
    }

    private void AddWords(ReadOnlySpan<PlacedRune> text, List<Token> tokens)
    {
        while (text.Length > 0)
        {
            var length = ClipWords.FirstLength(text);
            if (length == 0)
            {
                text = text[1..];
                continue;
            }

            AddWord(text[..length], tokens);
            text = text[length..];
        }
    }

    private void AddWord(ReadOnlySpan<PlacedRune> word, List<Token> tokens)
    {
        var text = new StringBuilder(word.Length);
        var starts = new List<int>(word.Length); // of each UTF-16 unit, in the text as typed
        foreach (var rune in word)
        {
            text.Append(new Rune(rune.Value));
            for (var unit = new Rune(rune.Value).Utf16SequenceLength; unit > 0; unit--)
            {
                starts.Add(rune.Start);
            }
        }

        foreach (var (id, start) in _words.Encode(text.ToString()))
        {
            tokens.Add(new Token(id, starts[start]));
        }
    }

    private static char[] MakeByteCharacters()
    {
        var characters = new char[256];
        var spare = (char)256;
        for (var value = 0; value < 256; value++)
        {
            characters[value] = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE ? (char)value : spare++;
        }

        return characters;
    }
}

/// <summary>A piece of a prompt as the text encoder knows it.</summary>
/// <param name="Id">Its number in the vocabulary.</param>
/// <param name="Start">Where in the text the first character that it stands for begins, in UTF-16 units.</param>
internal readonly record struct Token(int Id, int Start);

/// <summary>A prompt cut or padded to the length that a text encoder takes.</summary>
/// <param name="Ids">Begin token, the prompt, end token, padding: as many as the encoder takes.</param>
/// <param name="DroppedText">The end of the prompt that found no room, as it was written; empty when all of it did.</param>
internal sealed record TokenizedPrompt(int[] Ids, string DroppedText);
