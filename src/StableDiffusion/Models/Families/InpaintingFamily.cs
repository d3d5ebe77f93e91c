namespace StableDiffusion;

/// <summary>Stable Diffusion 1 and 2 made for inpainting: the UNet is fed mask and masked picture beside the latents (9 channels).</summary>
internal sealed class InpaintingFamily : StableDiffusionFamily
{
    public override string Name => "Stable Diffusion Inpainting";

    public override IReadOnlyList<string> PipelineNames => ["StableDiffusionInpaint"];

    public override ModelFamily For(ModelFolder folder) => this;

    public override SchedulerConfig AsPipelineLoads(SchedulerConfig scheduler, bool hasMask) => base.AsPipelineLoads(scheduler, hasMask: true);

    public override GenerationDefaults Defaults(ModelFolder folder) => Distilled(folder) ?? new GenerationDefaults(50, 7.5, 1);
}
