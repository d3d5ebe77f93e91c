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
    private readonly Special[] _specials;

    private T5Tokenizer(UnigramModel model, Func<string, string> normalize, IEnumerable<Special> specials)
    {
        _model = model;
        _normalize = normalize;
        _specials = [.. specials.Where(special => special.Content.Length > 0).OrderByDescending(special => special.Content.Length)];
        PadId = IdOf("<pad>") ?? 0;
        EosId = IdOf("</s>") ?? 1;
    }

    /// <summary>T5's texts begin with their first word.</summary>
    public int? BosId => null;

    /// <summary>The token that fills up what is left.</summary>
    public int PadId { get; }

    /// <summary>The token that ends every text.</summary>
    public int EosId { get; }

    /// <summary>A token that is looked for in the text as it was typed.</summary>
    private sealed record Special(string Content, int Id, bool StripsLeft, bool StripsRight);

    /// <summary>The ids of a text without the end token, however many they are. Never fails.</summary>
    public IReadOnlyList<int> Encode(string text)
    {
        var ids = new List<int>();
        var rest = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)); // lone surrogates become U+FFFD
        while (NextSpecial(rest) is var (at, special))
        {
            AddWords(special.StripsLeft ? rest[..at].TrimEnd() : rest[..at], ids);
            ids.Add(special.Id);
            rest = rest[(at + special.Content.Length)..];
            rest = special.StripsRight ? rest.TrimStart() : rest;
        }

        AddWords(rest, ids);
        return ids;
    }

    private int? IdOf(string content) => Array.Find(_specials, special => special.Content == content)?.Id;

    /// <summary>The first special token of a text, the longest where several begin at one place.</summary>
    private (int At, Special Special)? NextSpecial(string text)
    {
        (int At, Special Special)? first = null;
        foreach (var special in _specials)
        {
            var at = text.IndexOf(special.Content, StringComparison.Ordinal);
            if (at >= 0 && (first is null || at < first.Value.At))
            {
                first = (at, special);
            }
        }

        return first;
    }

    private void AddWords(string text, List<int> ids)
    {
        var spaced = _normalize(text).Replace(' ', Space);
        if (spaced.Length == 0)
        {
            return;
        }

        if (spaced[0] != Space)
        {
            spaced = Space + spaced;
        }

        for (var start = 0; start < spaced.Length;)
        {
            var next = spaced.IndexOf(Space, start + 1);
            next = next < 0 ? spaced.Length : next;
            ids.AddRange(_model.Encode(spaced[start..next]));
            start = next;
        }
    }
}
