namespace StableDiffusion;

/// <summary>Flux's texts: CLIP's state of the whole text, T5's token by token; the guidance scale where the transformer asks for it.</summary>
internal sealed class FluxConditioner(ModelFolder folder, NetworkLoader loader) : T5Conditioner(folder, loader, ["text_encoder"], "text_encoder_2")
{
    /// <summary>What FluxPipeline of diffusers gives, and FluxImg2ImgPipeline.</summary>
    private const double UsualGuidance = 3.5, UsualGuidanceFromPicture = 7;

    private readonly bool _wantsGuidance = folder.Network.Wants("guidance");

    /// <summary>Tokens that T5 is given: 512, or fewer.</summary>
    public static int TextLength(ImageRequest request, int? exported) => RequestLimits.TextLength(request, 512, 512, exported);

    protected override int LengthOf(ImageRequest request) => TextLength(request, Folder.Network.Tokens ?? LengthOfT5);

    protected override Texts Positive(ImageRequest request) => new([request.Prompt], request.Prompt2.Or(request.Prompt), 0);

    protected override Texts Negative(ImageRequest request)
    {
        var text = request.NegativePrompt ?? "";
        return new([text], request.NegativePrompt2.Or(text), 0);
    }

    protected override Conditioning Join(
        Texts texts, GenerationPlan plan, IReadOnlyList<TextEncoder> clips, T5States? t5, CancellationToken cancellation)
    {
        var request = plan.Request;
        var pooled = clips[0].EncodeWhole(clips[0].Cut(texts.ForClips[0], _ => { }), cancellation);
        var (states, width) = t5!.Value;
        var told = Conditioning.None.With(Conditioning.Text, states, LengthOf(request), width).With("pooled_projections", pooled, pooled.Length);
        return _wantsGuidance ? told.With("guidance", [(float)(request.DistilledGuidance ?? (request.InitImage is null ? UsualGuidance : UsualGuidanceFromPicture))]) : told;
    }
}
