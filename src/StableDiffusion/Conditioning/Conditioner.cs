namespace StableDiffusion;

/// <summary>Texts to what the UNet is told: one text encoder, or two side by side for SDXL. Keeps the results of texts seen before.</summary>
internal sealed class Conditioner : IDisposable
{
    private const int RememberedTexts = 256;

    private readonly IReadOnlyList<TextEncoder> _encoders;
    private readonly Dictionary<Text, Conditioning> _remembered = [];

    public Conditioner(ModelFolder folder, OnnxRuntimeHost host)
    {
        _encoders = folder.HasSecondTextEncoder
            ? [new TextEncoder(folder, "text_encoder", "tokenizer", host), new TextEncoder(folder, "text_encoder_2", "tokenizer_2", host)]
            : [new TextEncoder(folder, "text_encoder", "tokenizer", host)];
    }

    /// <summary>One text as it is to be encoded.</summary>
    /// <param name="Prompt">The text for the first encoder.</param>
    /// <param name="Prompt2">The text for the second encoder.</param>
    /// <param name="Skip">Layers to leave out, 0 for none.</param>
    /// <param name="Way">How brackets and length are dealt with.</param>
    public readonly record struct Text(string Prompt, string Prompt2, int Skip, LongPrompt Way);

    /// <summary>Encodes a text; a word that had to be cut is reported.</summary>
    public Conditioning Encode(Text text, Action<string> warn, CancellationToken cancellation)
    {
        if (_remembered.TryGetValue(text, out var known))
        {
            return known;
        }

        var parts = _encoders
            .Select((encoder, i) => Chunks(encoder, i == 0 ? text.Prompt : text.Prompt2, text.Way, warn))
            .ToList();
        var chunks = parts.Max(part => part.Count);
        var halves = _encoders.Select((encoder, i) => EncodeChunks(encoder, Pad(encoder, parts[i], chunks), text, cancellation)).ToList();
        var result = halves.Count == 1 ? halves[0] : Join(halves[0], halves[1]);

        if (_remembered.Count >= RememberedTexts)
        {
            _remembered.Clear();
        }

        return _remembered[text] = result;
    }

    public void Dispose()
    {
        foreach (var encoder in _encoders)
        {
            encoder.Dispose();
        }
    }

    private static IReadOnlyList<PromptChunk> Chunks(TextEncoder encoder, string text, LongPrompt way, Action<string> warn)
    {
        if (way == LongPrompt.Chunk)
        {
            return PromptChunks.Split(encoder.Tokenizer, PromptParser.Parse(text), encoder.Length);
        }

        var cut = encoder.Tokenizer.Truncate(text, encoder.Length);
        if (cut.DroppedText.Length > 0)
        {
            warn($"the prompt is longer than the {encoder.Length - 2} tokens the model reads; left out: \"{cut.DroppedText}\"");
        }

        return [Plain(cut.Ids)];
    }

    private static PromptChunk Plain(int[] ids) => new(ids, [.. Enumerable.Repeat(1f, ids.Length)]);

    private static List<PromptChunk> Pad(TextEncoder encoder, IReadOnlyList<PromptChunk> chunks, int count)
    {
        var padded = chunks.ToList();
        while (padded.Count < count)
        {
            padded.Add(Plain(encoder.Tokenizer.Truncate("", encoder.Length).Ids));
        }

        return padded;
    }

    private Conditioning EncodeChunks(TextEncoder encoder, List<PromptChunk> chunks, Text text, CancellationToken cancellation)
    {
        var all = new List<float>();
        var width = 0;
        float[]? firstPooled = null;
        foreach (var chunk in chunks)
        {
            var (states, stateWidth, pooled) = encoder.Encode(chunk.Ids, text.Skip, penultimate: _encoders.Count > 1, cancellation);
            width = stateWidth;
            firstPooled ??= pooled;
            Emphasis.Apply(states, chunk.Multipliers, width);
            all.AddRange(states);
        }

        return new Conditioning([.. all], chunks.Count * encoder.Length, width, firstPooled);
    }

    /// <summary>The states of both encoders side by side: [tokens, width 1 + width 2].</summary>
    private static Conditioning Join(Conditioning first, Conditioning second)
    {
        var width = first.Width + second.Width;
        var joined = new float[first.Tokens * width];
        for (var token = 0; token < first.Tokens; token++)
        {
            first.Embeddings.AsSpan(token * first.Width, first.Width).CopyTo(joined.AsSpan(token * width));
            second.Embeddings.AsSpan(token * second.Width, second.Width).CopyTo(joined.AsSpan((token * width) + first.Width));
        }

        return new Conditioning(joined, first.Tokens, width, second.Pooled);
    }
}
