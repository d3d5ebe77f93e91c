namespace StableDiffusion;

/// <summary>
/// Latent consistency models: Luo et al. (2023), arXiv 2310.04378. Stable Diffusion distilled to a few steps, whose UNet is told the
/// guidance scale instead of being run twice.
/// </summary>
internal sealed class LatentConsistencyFamily : StableDiffusionFamily
{
    public override string Name => "Latent Consistency Models";

    public override IReadOnlyList<string> PipelineNames => ["LatentConsistencyModel"];
}
