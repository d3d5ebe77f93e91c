namespace StableDiffusion;

/// <summary>A token that is looked for in a text as it was typed.</summary>
/// <param name="Content">As it is written.</param>
/// <param name="Id">Its number.</param>
/// <param name="StripsLeft">Whether white space before it goes.</param>
/// <param name="StripsRight">Whether white space behind it goes.</param>
internal sealed record TypedToken(string Content, int Id, bool StripsLeft = false, bool StripsRight = false);

/// <summary>Cuts texts at the tokens that are written in them, the longest where several begin at one place.</summary>
internal sealed class TypedTokens(IEnumerable<TypedToken> tokens)
{
    private readonly TypedToken[] _tokens = [.. tokens.Where(token => token.Content.Length > 0).OrderByDescending(token => token.Content.Length)];

    /// <summary>The id of a token by how it is written; null where it is none of these.</summary>
    public int? IdOf(string content) => Array.Find(_tokens, token => token.Content == content)?.Id;

    /// <summary>The parts of a text, each with the id of the token that ends it; null for the last part.</summary>
    public IEnumerable<(string Part, int? Id)> Split(string text)
    {
        var places = Array.ConvertAll(_tokens, token => text.IndexOf(token.Content, StringComparison.Ordinal));
        for (var start = 0; ;)
        {
            var next = -1;
            for (var i = 0; i < places.Length; i++)
            {
                places[i] = places[i] < 0 || places[i] >= start ? places[i] : text.IndexOf(_tokens[i].Content, start, StringComparison.Ordinal);
                next = places[i] >= 0 && (next < 0 || places[i] < places[next]) ? i : next;
            }

            if (next < 0)
            {
                yield return (text[start..], null);
                yield break;
            }

            var (token, part) = (_tokens[next], text[start..places[next]]);
            yield return (token.StripsLeft ? part.TrimEnd() : part, token.Id);
            start = places[next] + token.Content.Length;
            while (token.StripsRight && start < text.Length && char.IsWhiteSpace(text[start]))
            {
                start++;
            }
        }
    }
}
