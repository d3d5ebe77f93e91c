namespace StableDiffusion;

/// <summary>What the configuration of an autoencoder (<c>vae_decoder/config.json</c>) says; diffusers' <c>AutoencoderKL</c> has the defaults.</summary>
/// <param name="LatentChannels">Channels of the latents.</param>
/// <param name="PixelsPerLatent">Pixels along one side of a latent.</param>
/// <param name="ScalingFactor">Latents are divided by this before they are decoded.</param>
/// <param name="ShiftFactor">Added to the latents after that division.</param>
/// <param name="SampleSize">Pixels along one side that it was trained at: the size of tiles.</param>
/// <param name="Channels">Its channels at the full size of a picture.</param>
internal sealed record VaeConfig(int LatentChannels, int PixelsPerLatent, double ScalingFactor, double ShiftFactor, int SampleSize, int Channels)
{
    private const int MostPixels = 65536;

    /// <exception cref="ModelException">A value makes no sense.</exception>
    public static VaeConfig Read(JsonFile config)
    {
        var scalingFactor = config.NumberNotZero("scaling_factor") ?? 0.18215;
        var shiftFactor = config.Number("shift_factor") ?? 0;
        var latentChannels = config.Integer("latent_channels", ModelFamily.MostChannels) ?? 4;
        var sampleSize = config.Pair("sample_size", MostPixels)?.First ?? 512;
        var levels = config.Integers("block_out_channels");
        return new VaeConfig(latentChannels, 1 << (levels?.Count - 1 ?? 3), scalingFactor, shiftFactor, sampleSize, levels?[0] ?? 128);
    }
}
