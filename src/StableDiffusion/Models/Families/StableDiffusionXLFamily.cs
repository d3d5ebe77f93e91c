namespace StableDiffusion;

/// <summary>
/// Stable Diffusion XL: Podell et al. (2023), arXiv 2307.01952. Two CLIP text encoders side by side; the UNet is told the text as a
/// whole and sizes, too.
/// </summary>
internal sealed class StableDiffusionXLFamily : StableDiffusionFamily
{
    private const double Inpainting = 0.9999;

    public override string Name => "Stable Diffusion XL";

    public override IReadOnlyList<string> PipelineNames => ["StableDiffusionXL", "StableDiffusionXLInpaint"];

    public override IReadOnlyList<IReadOnlyList<string>> ConditionerTurns(ModelFolder folder) => [["text_encoder", "text_encoder_2"]];

    public override IEnumerable<string> NeededFiles(ModelFolder folder) =>
        [.. base.NeededFiles(folder), "text_encoder_2/model.onnx", "tokenizer_2/merges.txt", "tokenizer_2/vocab.json"];

    public override ModelFamily For(ModelFolder folder) => this;

    /// <summary>Those of StableDiffusionXLPipeline and its Img2Img; with nine channels, or a mask, those of its Inpaint; with control networks those of StableDiffusionXLControlNet….</summary>
    public override GenerationDefaults Defaults(ModelFolder folder) =>
        Distilled(folder)
        ?? (folder.Network.InputChannels == folder.LatentChannels ? new GenerationDefaults(50, 5, 0.3) : new GenerationDefaults(50, 7.5, Inpainting)) with
        {
            ControlledStrength = 0.8,
            InpaintingStrength = Inpainting,
            InpaintingGuidanceScale = 7.5,
        };

    /// <summary>That of stabilityai/stable-diffusion-xl-base-1.0.</summary>
    public override string? UsualScheduler => """
        {"_class_name": "EulerDiscreteScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "timestep_spacing": "leading", "steps_offset": 1}
        """;

    public override SchedulerConfig AsPipelineLoads(SchedulerConfig scheduler, bool hasMask) => scheduler;

    public override bool ForcesZerosForEmptyPrompt => true;

    /// <summary>Playground v2.5 has them.</summary>
    public override bool NormalizesLatents => true;
}
