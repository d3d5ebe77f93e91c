namespace StableDiffusion;

/// <summary>Decides when a picture is too large to be decoded as a whole on this machine.</summary>
internal static class VaeMemory
{
    /// <summary>
    /// Bytes for each pixel and each channel of the widest level: the decoder of Stable Diffusion 1.5, 128 channels, takes 1.1 GB at
    /// 512 × 512 and 3.6 GB at 1024 × 1024 beside its weights (ONNX Runtime on a CPU), which is 33 and 27.
    /// </summary>
    private const double BytesPerPixelAndChannel = 33;

    /// <summary>Copies of the scores of all latents with all latents: 7.6 GB at 1280 × 1280.</summary>
    private const double ScoresAtOnce = 3;

    /// <summary>The share of the memory that one picture may take.</summary>
    private const double Share = 0.6;

    /// <summary>About what the decoder takes beside its weights.</summary>
    /// <inheritdoc cref="IsShort"/>
    public static double Bytes(int height, int width, int pixelsPerLatent, int channels)
    {
        var latents = (double)height * width;
        var convolutions = latents * pixelsPerLatent * pixelsPerLatent * channels * BytesPerPixelAndChannel;

        // The one attention in the middle compares every latent with every other, before and after the softmax; the convolutions come after it.
        return Math.Max(convolutions, ScoresAtOnce * latents * latents * sizeof(float));
    }

    /// <summary>Whether the whole would not fit.</summary>
    /// <param name="height">Latent height.</param>
    /// <param name="width">Latent width.</param>
    /// <param name="pixelsPerLatent">Pixels along one side of a latent.</param>
    /// <param name="channels">Channels at the full size.</param>
    /// <param name="available">Bytes of memory.</param>
    public static bool IsShort(int height, int width, int pixelsPerLatent, int channels, double available) =>
        Bytes(height, width, pixelsPerLatent, channels) > available * Share;
}
