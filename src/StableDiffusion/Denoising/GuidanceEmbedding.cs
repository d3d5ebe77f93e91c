namespace StableDiffusion;

/// <summary>How latent consistency models are told the guidance scale: Luo et al. (2023), arXiv 2310.04378, section 4.2.</summary>
internal static class GuidanceEmbedding
{
    /// <summary>The sinusoidal embedding of w = scale − 1, times 1000: all sines, then all cosines.</summary>
    /// <param name="scale">The guidance scale.</param>
    /// <param name="width">Width of the UNet's <c>timestep_cond</c> input.</param>
    public static float[] Create(double scale, int width)
    {
        var half = width / 2;
        var embedding = new float[width];
        for (var i = 0; i < half; i++)
        {
            var frequency = MathF.Exp(i * -(MathF.Log(10000) / (half - 1)));
            var angle = (float)(scale - 1) * 1000f * frequency;
            embedding[i] = MathF.Sin(angle);
            embedding[half + i] = MathF.Cos(angle);
        }

        return embedding;
    }
}
