namespace StableDiffusion;

/// <summary>What a scheduler has to know about one run, beside the model's configuration.</summary>
public sealed record SchedulerRun
{
    /// <summary>The number of denoising steps asked for, at least 1.</summary>
    public required int Steps { get; init; }

    /// <summary>How much of the schedule is run, from 0 (exclusive) to 1: image to image leaves the noisiest steps out.</summary>
    public double Strength { get; init; } = 1;

    /// <summary>The number of images in the latents: dynamic thresholding looks at each by itself.</summary>
    public int Images { get; init; } = 1;

    /// <summary>
    /// The share of fresh noise in each step, from 0 to 1 (DDIM: η; TCD: γ). Null is the method's own: 0 for DDIM, 0.3 for TCD;
    /// the pipelines of diffusers give 0 to both unless told otherwise.
    /// </summary>
    public double? Eta { get; init; }

    /// <summary>The shift of the time steps by picture size that models with <c>use_dynamic_shifting</c> need (diffusers: <c>mu</c>).</summary>
    public double? Mu { get; init; }

    /// <summary>
    /// Whether flow models' noise levels run evenly from 1 down to 1/steps before they are shifted, as FluxPipeline gives them, and not down to
    /// the lowest level of training.
    /// </summary>
    public bool EvenLevels { get; init; }

    /// <summary>
    /// Whether LCM and TCD take all their steps from the part of the schedule that the strength leaves, as LatentConsistencyModelImg2ImgPipeline has it
    /// (diffusers: <c>set_timesteps(strength=…)</c>), and do not leave steps out.
    /// </summary>
    public bool StepsWithinStrength { get; init; }
}
