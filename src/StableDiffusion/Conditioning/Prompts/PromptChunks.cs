namespace StableDiffusion;

/// <summary>
/// A prompt of any length as chunks that the text encoder takes one after the other, cut as AUTOMATIC1111's webui cuts
/// (modules/sd_hijack_clip.py, tokenize_line): at <c>BREAK</c>, and when a chunk is full, after its last comma if that is
/// at most 20 tokens back.
/// </summary>
internal static class PromptChunks
{
    private const int CommaBacktrack = 20;

    /// <summary>The UNet looks at all chunks at once: more of them than this fill the memory and say nothing.</summary>
    private const int MostChunks = 256;

    /// <summary>
    /// Cuts a parsed prompt into chunks, at least one. For a prompt whose brackets mean nothing, give it as one piece of weight 1.
    /// </summary>
    /// <param name="tokenizer">The tokenizer of the encoder that the chunks are for.</param>
    /// <param name="pieces">The prompt, as <see cref="PromptParser.Parse"/> gives it.</param>
    /// <param name="length">The number of ids that the encoder takes: 77 with CLIP, two of them for begin and end.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length has no room for a token between begin and end.</exception>
    public static IReadOnlyList<PromptChunk> Split(ClipTokenizer tokenizer, IReadOnlyList<WeightedText> pieces, int length) =>
        Split(tokenizer, LearntWords.None, pieces, length);

    /// <summary>The same with learnt words, whose vectors all stand in one chunk.</summary>
    internal static IReadOnlyList<PromptChunk> Split(ClipTokenizer tokenizer, LearntWords words, IReadOnlyList<WeightedText> pieces, int length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 3);
        var room = length - 2;
        var comma = tokenizer.Encode(",") is [var id] ? id : (int?)null;
        var chunks = new List<PromptChunk>();
        var tokens = new List<(int Id, float Weight)>(room);
        var afterComma = 0;
        foreach (var piece in pieces)
        {
            if (piece == WeightedText.Break)
            {
                Close(tokens.Count);
                continue;
            }

            foreach (var (ids, _) in words.Tokenize(tokenizer, piece.Text))
            {
                if (ids.Count > room)
                {
                    throw new RequestException($"a learnt word of {ids.Count} vectors does not fit the {room} tokens that the text encoder reads at once.");
                }

                if (ids is [var token] && token == comma)
                {
                    // Where the comma will stand, unless the chunk is full: then the webui, too, forgets it with the chunk.
                    afterComma = tokens.Count + 1;
                }
                else if (tokens.Count == room && afterComma > 0 && room - (afterComma - 1) <= CommaBacktrack)
                {
                    Close(afterComma);
                }

                if (tokens.Count + ids.Count > room)
                {
                    Close(tokens.Count);
                }

                tokens.AddRange(ids.Select(id => (id, (float)piece.Weight)));
            }
        }

        if (tokens.Count > 0 || chunks.Count == 0)
        {
            Close(tokens.Count);
        }

        return chunks;

        // What stands behind the first `count` tokens begins the next chunk.
        void Close(int count)
        {
            if (chunks.Count == MostChunks)
            {
                throw new RequestException(
                    nameof(ImageRequest.Prompt), $"{nameof(ImageRequest.Prompt):name} takes more than {MostChunks} times the {room} tokens that the text encoder reads at once; shorten it.");
            }

            chunks.Add(Fill(tokenizer, tokens.GetRange(0, count), length));
            tokens.RemoveRange(0, count);
            afterComma = 0;
        }
    }

    private static PromptChunk Fill(ClipTokenizer tokenizer, List<(int Id, float Weight)> tokens, int length)
    {
        var ids = tokenizer.Frame([.. tokens.Select(token => token.Id)], length);
        var multipliers = new float[length];
        Array.Fill(multipliers, 1);
        for (var i = 0; i < tokens.Count; i++)
        {
            multipliers[i + 1] = tokens[i].Weight;
        }

        // An end token that the prompt itself holds ends the chunk, too, where padding is another token (Stable Diffusion 2).
        if (tokenizer.PadId != tokenizer.EosId)
        {
            ids.AsSpan(Array.IndexOf(ids, tokenizer.EosId) + 1).Fill(tokenizer.PadId);
        }

        return new PromptChunk(ids, multipliers);
    }
}

/// <summary>A part of a prompt that fills the text encoder once.</summary>
/// <param name="Ids">Begin token, tokens, end token and padding: as many as the encoder takes.</param>
/// <param name="Multipliers">For each id, by how much its embedding is multiplied (<see cref="Emphasis"/>).</param>
internal sealed record PromptChunk(int[] Ids, float[] Multipliers);
