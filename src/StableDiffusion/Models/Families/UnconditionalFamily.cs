namespace StableDiffusion;

/// <summary>Latent diffusion without a text: Rombach et al. (2022), arXiv 2112.10752. A UNet and a vector-quantised decoder.</summary>
internal sealed class UnconditionalFamily : ModelFamily
{
    public override string Name => "unconditional latent diffusion";

    public override IReadOnlyList<string> PipelineNames => ["LDM"];

    public override IReadOnlyList<IReadOnlyList<string>> ConditionerTurns(ModelFolder folder) => [];

    public override IEnumerable<string> NeededFiles(ModelFolder folder) =>
        ["scheduler/scheduler_config.json", "unet/model.onnx", "vae_decoder/model.onnx"];

    public override GenerationDefaults Defaults(ModelFolder folder) => new(50, 1, 0.8);

    public override void Check(ImageRequest request, ModelFolder folder) => RequestLimits.Refuse(request, folder, []);

    public override IConditioner OpenConditioner(ModelFolder folder, NetworkLoader loader) => new NoConditioner();
}
