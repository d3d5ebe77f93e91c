namespace StableDiffusion;

/// <summary>What CLIP makes of one text.</summary>
/// <param name="Embeddings">The text encoder's states [tokens, width], row-major.</param>
/// <param name="Tokens">Tokens, a multiple of the model's text length when the text was cut into chunks.</param>
/// <param name="Width">Width of one state (768 for SD 1, 1024 for SD 2, 2048 for SDXL).</param>
/// <param name="Pooled">SDXL: the projected state of the whole text [projection]; otherwise null.</param>
internal sealed record EncodedText(float[] Embeddings, int Tokens, int Width, float[]? Pooled)
{
    /// <summary>The same shape with nothing in it: how SDXL is told that there is no negative prompt.</summary>
    public EncodedText Zeros() => this with
    {
        Embeddings = new float[Embeddings.Length],
        Pooled = Pooled is null ? null : new float[Pooled.Length],
    };
}

/// <summary>Texts to what the UNet is told: one CLIP text encoder, or two side by side for SDXL. Keeps the results of texts seen before.</summary>
internal sealed class ClipConditioner : IConditioner
{
    private const int RememberedTexts = 256;

    private const int LongestShown = 1000;

    private readonly ModelFolder _folder;
    private readonly List<TextEncoder> _encoders = [];
    private readonly Dictionary<Text, EncodedText> _remembered = [];

    public ClipConditioner(ModelFolder folder, NetworkLoader loader)
    {
        _folder = folder;
        try
        {
            _encoders.Add(new TextEncoder(folder, "text_encoder", "tokenizer", loader));
            if (folder.HasSecondTextEncoder)
            {
                _encoders.Add(new TextEncoder(folder, "text_encoder_2", "tokenizer_2", loader));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>One text as it is to be encoded.</summary>
    /// <param name="Prompt">The text for the first encoder.</param>
    /// <param name="Prompt2">The text for the second encoder.</param>
    /// <param name="Skip">Layers to leave out, 0 for none.</param>
    /// <param name="Way">How brackets and length are dealt with.</param>
    public readonly record struct Text(string Prompt, string Prompt2, int Skip, LongPrompt Way);

    public IReadOnlyList<GuidedConditioning> Encode(IReadOnlyList<GenerationPlan> plans, CancellationToken cancellation) =>
        [.. plans.Select(plan => Encode(plan, cancellation))];

    private GuidedConditioning Encode(GenerationPlan plan, CancellationToken cancellation)
    {
        var request = plan.Request;
        var skip = request.ClipSkip - 1;
        var positive = Encode(new Text(request.Prompt, request.Prompt2.Or(request.Prompt), skip, request.LongPrompt), text => plan.Warn($"the prompt {text}"), cancellation);
        if (!plan.Guidance.IsOn)
        {
            return new(Told(positive, plan), null);
        }

        if (request.NegativePrompt is null && _folder.ForceZerosForEmptyPrompt)
        {
            return new(Told(positive, plan), Told(positive.Zeros(), plan));
        }

        // diffusers' pipelines, SDXL's too (encode_prompt), apply clip skip to the prompt alone; webuis apply it to both.
        var negativeSkip = request.LongPrompt == LongPrompt.Truncate ? 0 : skip;
        var text = request.NegativePrompt ?? "";
        var negative = Encode(new Text(text, request.NegativePrompt2.Or(text), negativeSkip, request.LongPrompt), cut => plan.Warn($"the negative prompt {cut}"), cancellation);
        return new(Told(positive, plan), Told(negative, plan));
    }

    /// <summary>Encodes a text; a word that had to be cut is reported.</summary>
    public EncodedText Encode(Text text, Action<string> warn, CancellationToken cancellation)
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

    /// <summary>The prompt as the first encoder reads it.</summary>
    public IReadOnlyList<PromptChunk> ChunksOf(ImageRequest request) => Chunks(_encoders[0], request.Prompt, request.LongPrompt, _ => { });

    public void Dispose()
    {
        foreach (var encoder in _encoders)
        {
            encoder.Dispose();
        }
    }

    /// <summary>Everything the UNet is told: the text, for SDXL the sizes, for latent consistency models the guidance scale.</summary>
    private Conditioning Told(EncodedText text, GenerationPlan plan)
    {
        if (_folder.Network.Tokens is { } tokens && text.Tokens != tokens)
        {
            throw new RequestException(
                nameof(ImageRequest.Prompt),
                $"the prompt takes {text.Tokens} tokens, and {_folder.Name} was exported for {tokens}; shorten it, or cut it with {nameof(ImageRequest.LongPrompt):name} truncate.");
        }

        var told = Conditioning.None.With(Conditioning.Text, text.Embeddings, text.Tokens, text.Width);
        if (text.Pooled is { } pooled)
        {
            told = told.With("text_embeds", pooled, pooled.Length);
        }

        if (_folder.Network.Wants("time_ids"))
        {
            told = told.With("time_ids", plan.TimeIds, plan.TimeIds.Length);
        }

        return plan.GuidanceEmbedding is { } guidance ? told.With("timestep_cond", guidance, guidance.Length) : told;
    }

    private static IReadOnlyList<PromptChunk> Chunks(TextEncoder encoder, string text, LongPrompt way, Action<string> warn)
    {
        if (way == LongPrompt.Chunk)
        {
            return PromptChunks.Split(encoder.Tokenizer, encoder.Words, PromptParser.Parse(text), encoder.Length);
        }

        var cut = encoder.Words.Truncate(encoder.Tokenizer, text, encoder.Length);
        if (cut.DroppedText.Length > 0)
        {
            warn($"is longer than the {encoder.Length - 2} tokens the model reads; left out: \"{Shown(cut.DroppedText)}\"");
        }

        return [Plain(cut.Ids)];
    }

    /// <summary>A warning is one line that can be read.</summary>
    private static string Shown(string text) => text.Length <= LongestShown ? text : $"{text[..LongestShown]}… ({text.Length} characters)";

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

    private EncodedText EncodeChunks(TextEncoder encoder, List<PromptChunk> chunks, Text text, CancellationToken cancellation)
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

        return new EncodedText([.. all], chunks.Count * encoder.Length, width, firstPooled);
    }

    /// <summary>The states of both encoders side by side: [tokens, width 1 + width 2].</summary>
    private static EncodedText Join(EncodedText first, EncodedText second)
    {
        var width = first.Width + second.Width;
        var joined = new float[first.Tokens * width];
        for (var token = 0; token < first.Tokens; token++)
        {
            first.Embeddings.AsSpan(token * first.Width, first.Width).CopyTo(joined.AsSpan(token * width));
            second.Embeddings.AsSpan(token * second.Width, second.Width).CopyTo(joined.AsSpan((token * width) + first.Width));
        }

        return new EncodedText(joined, first.Tokens, width, second.Pooled);
    }
}
