namespace StableDiffusion;

/// <summary>
/// What a request that leaves steps, guidance scale or strength open is given. The defaults of the diffusers pipeline of the model's
/// family, or what <c>generation_config.json</c> in the model folder says (<c>num_inference_steps</c>, <c>guidance_scale</c>, <c>strength</c>).
/// </summary>
/// <param name="Steps">Denoising steps.</param>
/// <param name="GuidanceScale">Classifier-free guidance scale; 1 or less turns guidance off.</param>
/// <param name="Strength">Share of the schedule that image to image runs, 0 to 1.</param>
public sealed record GenerationDefaults(int Steps, double GuidanceScale, double Strength)
{
    internal static GenerationDefaults Of(ModelFolder folder, JsonFile config)
    {
        var family = FamilyOf(folder);
        return new GenerationDefaults(
            config.Integer("num_inference_steps") ?? family.Steps,
            config.Number("guidance_scale") ?? family.GuidanceScale,
            config.Number("strength") ?? family.Strength);
    }

    private static GenerationDefaults FamilyOf(ModelFolder folder) => folder switch
    {
        { TimeConditioningWidth: not null } => new(4, 8.5, 0.8),
        { Scheduler.ClassName: "LCMScheduler" or "TCDScheduler" } => new(4, 1, 0.8),
        _ when IsTurbo(folder.Scheduler) => new(4, 0, 0.5),
        { HasSecondTextEncoder: true } => new(50, 5, 0.3),
        _ when folder.UNet.InputChannels != folder.LatentChannels => new(50, 7.5, 1),
        _ => new(50, 7.5, 0.8),
    };

    /// <summary>Adversarially distilled models (SD Turbo, SDXL Turbo) are published with an Euler scheduler and trailing time steps.</summary>
    private static bool IsTurbo(SchedulerConfig scheduler) =>
        scheduler.ClassName is "EulerDiscreteScheduler" or "EulerAncestralDiscreteScheduler"
        && scheduler.Text("timestep_spacing") == "trailing" && !scheduler.Flag("rescale_betas_zero_snr");
}
