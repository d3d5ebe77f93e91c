namespace StableDiffusion;

/// <summary>Latent diffusion of before Stable Diffusion: Rombach et al. (2022), arXiv 2112.10752. A BERT-like text encoder and a UNet.</summary>
internal sealed class LatentDiffusionFamily : ModelFamily
{
    private static readonly string[] _can =
        [nameof(ImageRequest.Prompt), nameof(ImageRequest.NegativePrompt), nameof(ImageRequest.GuidanceScale), nameof(ImageRequest.InitImage)];

    public override string Name => "latent diffusion with BERT";

    public override IReadOnlyList<string> PipelineNames => ["LDMTextToImage"];

    public override IReadOnlyList<IReadOnlyList<string>> ConditionerTurns(ModelFolder folder) => [["text_encoder"]];

    public override IEnumerable<string> NeededFiles(ModelFolder folder) =>
        ["scheduler/scheduler_config.json", "text_encoder/model.onnx", "tokenizer/vocab.txt", "unet/model.onnx", "vae_decoder/model.onnx"];

    public override GenerationDefaults Defaults(ModelFolder folder) => new(50, 5, 0.8);

    public override void Check(ImageRequest request, ModelFolder folder) => RequestLimits.Refuse(request, folder, _can);

    public override IConditioner OpenConditioner(ModelFolder folder, NetworkLoader loader) => new BertConditioner(folder, loader);
}
