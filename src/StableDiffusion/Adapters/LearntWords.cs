namespace StableDiffusion;

/// <summary>Words that stand for vectors of their own, and the ids under which a text encoder's table holds these.</summary>
internal sealed class LearntWords
{
    private readonly List<LearntWord> _words;

    public LearntWords(IEnumerable<LearntWord> words) => _words = [.. words.OrderByDescending(word => word.Text.Length)];

    /// <summary>No words at all.</summary>
    public static LearntWords None { get; } = new([]);

    /// <summary>Whether a text has the word in it.</summary>
    public static bool Has(string text, string word) => IndexOf(text, word, 0) >= 0;

    /// <summary>The words that stand in a text, as it is read: of several that begin at one place the longest.</summary>
    public IEnumerable<LearntWord> In(string text)
    {
        var next = new int?[_words.Count];
        for (var start = 0; Next(text, start, next) is ({ } word, var at); start = at + word.Text.Length)
        {
            yield return word;
        }
    }

    /// <summary>
    /// The tokens of a text: those of the tokenizer between the words, and for each word all its ids as one group, which no cut may part.
    /// Letters next to a word make another word of it; case does not matter.
    /// </summary>
    public IEnumerable<(IReadOnlyList<int> Ids, int Start)> Tokenize(ClipTokenizer tokenizer, string text)
    {
        var next = new int?[_words.Count];
        for (var start = 0; start <= text.Length;)
        {
            var (word, at) = Next(text, start, next);
            foreach (var token in tokenizer.Tokenize(text[start..at]))
            {
                yield return ([token.Id], start + token.Start);
            }

            if (word is null)
            {
                yield break;
            }

            yield return ([.. Enumerable.Range(word.FirstId, word.Count)], at);
            start = at + word.Text.Length;
        }
    }

    /// <summary>Cuts or pads a text as <see cref="ClipTokenizer.Truncate(string, int)"/> does.</summary>
    public TokenizedPrompt Truncate(ClipTokenizer tokenizer, string text, int length) => tokenizer.Truncate(
        text, [.. Tokenize(tokenizer, text).SelectMany(group => group.Ids.Select(id => new Token(id, group.Start)))], length);

    /// <summary>The next word of a text, the longest where several begin at one place, or none and the text's end.</summary>
    /// <param name="text">The text.</param>
    /// <param name="start">Where to begin.</param>
    /// <param name="known">Where each word stands next, as far as it is known: a text is gone through once for each word.</param>
    private (LearntWord? Word, int At) Next(string text, int start, int?[] known)
    {
        (LearntWord? Word, int At) next = (null, text.Length);
        for (var i = 0; i < _words.Count; i++)
        {
            if (known[i] is null || known[i] < start)
            {
                var found = IndexOf(text, _words[i].Text, start);
                known[i] = found < 0 ? int.MaxValue : found;
            }

            if (known[i] < next.At)
            {
                next = (_words[i], known[i]!.Value);
            }
        }

        return next;
    }

    private static int IndexOf(string text, string word, int start)
    {
        for (var at = start - 1; (at = text.IndexOf(word, at + 1, StringComparison.OrdinalIgnoreCase)) >= 0;)
        {
            var end = at + word.Length;
            var alone = (at == 0 || !char.IsLetter(text[at - 1]) || !char.IsLetter(word[0]))
                && (end == text.Length || !char.IsLetter(text[end]) || !char.IsLetter(word[^1]));
            if (alone)
            {
                return at;
            }
        }

        return -1;
    }
}

/// <summary>A word, and the ids of its vectors.</summary>
internal sealed record LearntWord(string Text, int FirstId, int Count);
