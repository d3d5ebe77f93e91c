using System.Text;

namespace StableDiffusion;

/// <summary>
/// T5's SentencePiece tokenizer: text to token ids, the same as transformers' <c>T5TokenizerFast</c>. Immutable, so one may serve several threads.
/// </summary>
internal sealed partial class T5Tokenizer : ITokenizer
{
    /// <summary>What stands for a space at the start of a word.</summary>
    private const char Space = '\u2581';

    private readonly UnigramModel _model;
    private readonly Func<string, string> _normalize;
    private readonly Func<Part, IEnumerable<Part>> _cut;
    private readonly TypedTokens _specials;

    private T5Tokenizer(UnigramModel model, Func<string, string> normalize, Func<Part, IEnumerable<Part>> cut, IEnumerable<TypedToken> specials)
    {
        _model = model;
        _normalize = normalize;
        _cut = cut;
        _specials = new TypedTokens(specials);
        PadId = _specials.IdOf("<pad>") ?? 0;
        EosId = _specials.IdOf("</s>") ?? 1;
    }

    /// <summary>T5's texts begin with their first word.</summary>
    public int? BosId => null;

    /// <summary>The token that fills up what is left.</summary>
    public int PadId { get; }

    /// <summary>The token that ends every text.</summary>
    public int EosId { get; }

    /// <summary>A part of a text.</summary>
    /// <param name="Text">What it is.</param>
    /// <param name="IsFirst">Whether the text begins with it.</param>
    private readonly record struct Part(string Text, bool IsFirst);

    /// <summary>The ids of a text without the end token, however many they are. Never fails.</summary>
    public IReadOnlyList<int> Encode(string text)
    {
        var ids = new List<int>();
        var isFirst = true;
        var whole = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)); // lone surrogates become U+FFFD
        foreach (var (part, special) in _specials.Split(whole))
        {
            if (_normalize(part) is { Length: > 0 } normalized)
            {
                ids.AddRange(_cut(new Part(normalized, isFirst)).SelectMany(word => _model.Encode(word.Text)));
            }

            if (special is { } id)
            {
                ids.Add(id);
            }

            isFirst = false;
        }

        return ids;
    }
}
