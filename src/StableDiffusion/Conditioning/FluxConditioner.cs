namespace StableDiffusion;

/// <summary>Flux's texts: CLIP's state of the whole text, T5's token by token; the guidance scale where the transformer asks for it.</summary>
internal sealed class FluxConditioner : IConditioner
{
    /// <summary>What FluxPipeline of diffusers gives.</summary>
    private const double UsualGuidance = 3.5;

    private readonly ModelFolder _folder;
    private readonly TextEncoder _clip;
    private readonly T5TextEncoder _t5;

    public FluxConditioner(ModelFolder folder, NetworkLoader loader)
    {
        _folder = folder;
        _clip = new TextEncoder(folder, "text_encoder", "tokenizer", loader);
        try
        {
            _t5 = new T5TextEncoder(folder, "text_encoder_2", "tokenizer_2", loader);
        }
        catch
        {
            _clip.Dispose();
            throw;
        }
    }

    /// <summary>Tokens that T5 is given: 512, or fewer.</summary>
    public static int TextLength(ImageRequest request) => RequestLimits.TextLength(request, 512, 512);

    public GuidedConditioning Encode(GenerationPlan plan, Action<string> warn, CancellationToken cancellation)
    {
        var request = plan.Request;
        Conditioning Told(string text, string? second) => Encode(text, second ?? text, request, warn, cancellation);
        var positive = Told(request.Prompt, request.Prompt2);
        return new(positive, plan.Guidance.IsOn ? Told(request.NegativePrompt ?? "", request.NegativePrompt2).LeadingAway() : null);
    }

    public void Dispose()
    {
        _clip.Dispose();
        _t5.Dispose();
    }

    private Conditioning Encode(string text, string second, ImageRequest request, Action<string> warn, CancellationToken cancellation)
    {
        var pooled = _clip.EncodeWhole(_clip.Cut(text, _ => { }), cancellation);
        var length = TextLength(request);
        var (states, width) = _t5.Encode(second, length, warn, cancellation);
        var told = Conditioning.None.With(Conditioning.Text, states, length, width).With("pooled_projections", pooled, pooled.Length);
        return _folder.Network.Wants("guidance") ? told.With("guidance", [(float)(request.DistilledGuidance ?? UsualGuidance)]) : told;
    }
}
