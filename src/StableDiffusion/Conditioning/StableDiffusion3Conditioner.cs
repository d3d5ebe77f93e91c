namespace StableDiffusion;

/// <summary>
/// SD 3's texts: the states of both CLIPs side by side, widened with zeros to T5's, and T5's behind them; both pooled states side by side.
/// Texts are plain and cut where they are too long, as in diffusers.
/// </summary>
internal sealed class StableDiffusion3Conditioner : IConditioner
{
    private readonly List<TextEncoder> _clips = [];
    private readonly T5TextEncoder? _t5;
    private readonly int _jointWidth;

    public StableDiffusion3Conditioner(ModelFolder folder, NetworkLoader loader, bool hasT5)
    {
        _jointWidth = JsonFile.ReadIfExists(folder.Combine("transformer", "config.json")).Integer("joint_attention_dim") ?? 4096;
        try
        {
            _clips.Add(new TextEncoder(folder, "text_encoder", "tokenizer", loader));
            _clips.Add(new TextEncoder(folder, "text_encoder_2", "tokenizer_2", loader));
            _t5 = hasT5 ? new T5TextEncoder(folder, "text_encoder_3", "tokenizer_3", loader) : null;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Tokens that T5 is given: 256 unless told otherwise, 512 at most, as diffusers has it.</summary>
    public static int TextLength(ImageRequest request) => RequestLimits.TextLength(request, 256, 512);

    public GuidedConditioning Encode(GenerationPlan plan, Action<string> warn, CancellationToken cancellation)
    {
        var request = plan.Request;
        Conditioning Told(string text, string? second, string? third, int skip) =>
            Encode([text, second ?? text], third ?? text, skip, TextLength(request), warn, cancellation);
        var positive = Told(request.Prompt, request.Prompt2, request.Prompt3, request.ClipSkip - 1);

        // diffusers' StableDiffusion3Pipeline leaves the negative prompt's layers alone.
        return plan.Guidance.IsOn
            ? new(positive, Told(request.NegativePrompt ?? "", request.NegativePrompt2, request.NegativePrompt3, 0).LeadingAway())
            : new(positive, null);
    }

    public void Dispose()
    {
        _clips.ForEach(clip => clip.Dispose());
        _t5?.Dispose();
    }

    private Conditioning Encode(string[] texts, string third, int skip, int length, Action<string> warn, CancellationToken cancellation)
    {
        var parts = _clips.Select((clip, i) => clip.Encode(clip.Cut(texts[i], warn), skip, penultimate: true, cancellation)).ToList();
        var tokens = _clips[0].Length;
        if (parts.Any(part => part.Pooled is null) || parts.Sum(part => part.Width) > _jointWidth || _clips[1].Length != tokens)
        {
            throw new ModelException("the CLIP text encoders of this SD 3 export do not fit its transformer, or give no text_embeds; export it again.");
        }

        var states = new float[(tokens + length) * _jointWidth];
        var column = 0;
        foreach (var part in parts)
        {
            for (var token = 0; token < tokens; token++)
            {
                part.States.AsSpan(token * part.Width, part.Width).CopyTo(states.AsSpan((token * _jointWidth) + column));
            }

            column += part.Width;
        }

        if (_t5?.Encode(third, length, warn, cancellation) is var (values, width))
        {
            (width == _jointWidth ? values : throw new ModelException($"text_encoder_3 gives states of width {width}; the transformer takes {_jointWidth}."))
                .CopyTo(states, tokens * _jointWidth);
        }

        float[] pooled = [.. parts.SelectMany(part => part.Pooled!)];
        return Conditioning.None.With(Conditioning.Text, states, tokens + length, _jointWidth).With("pooled_projections", pooled, pooled.Length);
    }
}
