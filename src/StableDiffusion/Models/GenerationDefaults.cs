namespace StableDiffusion;

/// <summary>
/// What a request that leaves steps, guidance scale or strength open is given. The defaults of the diffusers pipeline of the model's
/// family, or what <c>generation_config.json</c> in the model folder says (<c>num_inference_steps</c>, <c>guidance_scale</c>, <c>strength</c>).
/// </summary>
/// <param name="Steps">Denoising steps.</param>
/// <param name="GuidanceScale">Classifier-free guidance scale; 1 or less turns guidance off.</param>
/// <param name="Strength">Share of the schedule that image to image runs, 0 to 1.</param>
internal sealed record GenerationDefaults(int Steps, double GuidanceScale, double Strength)
{
    /// <summary>The same share where a mask says what is painted.</summary>
    public double InpaintingStrength { get; init; } = 1;

    /// <summary>The same where the file is silent.</summary>
    public GenerationDefaults Or(JsonFile config) => new(
        config.Integer("num_inference_steps", 100_000) ?? Steps,
        config.Number("guidance_scale", least: 0) ?? GuidanceScale,
        config.Number("strength", least: 0, most: 1) ?? Strength)
    {
        InpaintingStrength = config.Number("strength", least: 0, most: 1) ?? InpaintingStrength,
    };
}
