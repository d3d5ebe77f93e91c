namespace StableDiffusion;

/// <summary>Texts to the ids that a text encoder reads, the same as transformers' tokenizers give. Immutable, so one may serve several threads.</summary>
internal interface ITokenizer
{
    /// <summary>The token that begins every text; null where none does.</summary>
    int? BosId { get; }

    /// <summary>The token that ends every text.</summary>
    int EosId { get; }

    /// <summary>The token that fills up what is left of the encoder's length.</summary>
    int PadId { get; }

    /// <summary>A text's ids, without begin, end and padding, however many they are. Never fails.</summary>
    IReadOnlyList<int> Encode(string text);
}

/// <summary>What transformers does with <c>padding="max_length", truncation=True</c>, whatever the tokenizer.</summary>
internal static class TokenizerExtensions
{
    /// <summary>How many tokens of a text find room between begin and end.</summary>
    public static int RoomIn(this ITokenizer tokenizer, int length) => length - (tokenizer.BosId is null ? 1 : 2);

    /// <summary>Begin token, as many of the tokens as find room, end token, padding: <paramref name="length"/> ids.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The length has no room for begin and end.</exception>
    public static int[] Frame(this ITokenizer tokenizer, IReadOnlyList<int> tokens, int length)
    {
        var room = tokenizer.RoomIn(length);
        ArgumentOutOfRangeException.ThrowIfNegative(room, nameof(length));
        var kept = Math.Min(tokens.Count, room);
        int[] begin = tokenizer.BosId is { } first ? [first] : [];
        return [.. begin, .. tokens.Take(kept), tokenizer.EosId, .. Enumerable.Repeat(tokenizer.PadId, room - kept)];
    }

    /// <summary>A text cut or padded to a length.</summary>
    /// <returns>The ids, and how many tokens found no room.</returns>
    public static (int[] Ids, int Dropped) Fit(this ITokenizer tokenizer, string text, int length)
    {
        var tokens = tokenizer.Encode(text);
        return (tokenizer.Frame(tokens, length), Math.Max(tokens.Count - tokenizer.RoomIn(length), 0));
    }
}
