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
    /// <summary>The steps from a picture, where they are others.</summary>
    public int? StepsFromPicture { get; init; }

    /// <summary>The share of the schedule where control networks say what is in the picture, where it is another.</summary>
    public double? ControlledStrength { get; init; }

    /// <summary>The share of the schedule where a mask says what is painted.</summary>
    public double InpaintingStrength { get; init; } = 1;

    /// <summary>The guidance scale there, where it is another.</summary>
    public double? InpaintingGuidanceScale { get; init; }

    /// <summary>The same where the file is silent.</summary>
    public GenerationDefaults Or(JsonFile config)
    {
        var steps = config.Integer("num_inference_steps", 100_000);
        var scale = config.Number("guidance_scale", least: 0);
        var strength = config.Number("strength", least: 0, most: 1);
        return new(steps ?? Steps, scale ?? GuidanceScale, strength ?? Strength)
        {
            StepsFromPicture = steps ?? StepsFromPicture,
            ControlledStrength = strength ?? ControlledStrength,
            InpaintingStrength = strength ?? InpaintingStrength,
            InpaintingGuidanceScale = scale ?? InpaintingGuidanceScale,
        };
    }

    /// <summary>The denoising steps of a request.</summary>
    public int StepsOf(ImageRequest request) => request.Steps ?? (request.InitImage is null ? Steps : StepsFromPicture ?? Steps);

    /// <summary>The guidance scale of a request.</summary>
    public double GuidanceScaleOf(ImageRequest request) =>
        request.GuidanceScale ?? (request.Mask is null || request.Controls.Count > 0 ? GuidanceScale : InpaintingGuidanceScale ?? GuidanceScale);

    /// <summary>The strength of a request that starts from a picture.</summary>
    public double StrengthOf(ImageRequest request) =>
        request.Strength ?? (request.Mask is not null ? InpaintingStrength : request.Controls.Count > 0 ? ControlledStrength ?? Strength : Strength);
}
