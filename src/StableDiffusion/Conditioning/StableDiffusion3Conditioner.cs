namespace StableDiffusion;

/// <summary>
/// SD 3's texts: the states of both CLIPs side by side, widened with zeros to T5's, and T5's behind them; both pooled states side by side.
/// Texts are plain and cut where they are too long, as in diffusers.
/// </summary>
internal sealed class StableDiffusion3Conditioner(ModelFolder folder, NetworkLoader loader, bool hasT5)
    : T5Conditioner(folder, loader, ["text_encoder", "text_encoder_2"], hasT5 ? "text_encoder_3" : null)
{
    private readonly int _jointWidth = JsonFile.ReadIfExists(folder.Combine("transformer", "config.json")).Integer("joint_attention_dim") ?? 4096;

    /// <summary>Both CLIPs' tokens, with which a text for the transformer begins.</summary>
    private const int ClipTokens = 77;

    /// <summary>Tokens that T5 is given: 256 unless told otherwise, 512 at most, as diffusers has it.</summary>
    public static int TextLength(ImageRequest request, int? exported) => RequestLimits.TextLength(request, 256, 512, exported);

    /// <summary>The tokens that the transformer's graph leaves T5; null where any number will do.</summary>
    public static int? Exported(ModelFolder folder) => folder.Network.Tokens is { } tokens and > ClipTokens ? tokens - ClipTokens : null;

    protected override int LengthOf(ImageRequest request) => TextLength(request, Exported(Folder) ?? LengthOfT5);

    protected override Texts Positive(ImageRequest request) =>
        new([request.Prompt, request.Prompt2.Or(request.Prompt)], request.Prompt3.Or(request.Prompt), request.ClipSkip - 1);

    /// <summary>diffusers' StableDiffusion3Pipeline leaves the negative prompt's layers alone.</summary>
    protected override Texts Negative(ImageRequest request)
    {
        var text = request.NegativePrompt ?? "";
        return new([text, request.NegativePrompt2.Or(text)], request.NegativePrompt3.Or(text), 0);
    }

    protected override Conditioning Join(
        Texts texts, GenerationPlan plan, IReadOnlyList<TextEncoder> clips, T5States? t5, CancellationToken cancellation)
    {
        var parts = clips.Select((clip, i) => clip.Encode(clip.Cut(texts.ForClips[i], plan.Warn), texts.Skip, penultimate: true, cancellation)).ToList();
        var tokens = clips[0].Length;
        if (parts.Any(part => part.Pooled is null) || parts.Sum(part => part.Width) > _jointWidth || clips[1].Length != tokens)
        {
            throw new ModelException("the CLIP text encoders of this SD 3 export do not fit its transformer, or give no text_embeds; export it again.");
        }

        var length = LengthOf(plan.Request);
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

        if (t5 is var (values, width))
        {
            (width == _jointWidth ? values : throw new ModelException($"text_encoder_3 gives states of width {width}; the transformer takes {_jointWidth}."))
                .CopyTo(states, tokens * _jointWidth);
        }

        float[] pooled = [.. parts.SelectMany(part => part.Pooled!)];
        return Conditioning.None.With(Conditioning.Text, states, tokens + length, _jointWidth).With("pooled_projections", pooled, pooled.Length);
    }
}
