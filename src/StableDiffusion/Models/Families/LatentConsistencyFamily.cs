namespace StableDiffusion;

/// <summary>
/// Latent consistency models: Luo et al. (2023), arXiv 2310.04378. Stable Diffusion distilled to a few steps, whose UNet is told the
/// guidance scale instead of being run twice.
/// </summary>
internal sealed class LatentConsistencyFamily : StableDiffusionFamily
{
    public override string Name => "Latent Consistency Models";

    public override IReadOnlyList<string> PipelineNames => ["LatentConsistencyModel"];

    public override bool HasStepsWithinStrength => true;

    public override SchedulerConfig AsPipelineLoads(SchedulerConfig scheduler, bool hasMask) => scheduler;

    /// <summary>That of SimianLuo/LCM_Dreamshaper_v7.</summary>
    public override string? UsualScheduler => """
        {"_class_name": "LCMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": false, "set_alpha_to_one": true, "steps_offset": 1}
        """;
}
