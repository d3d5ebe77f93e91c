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

    // Of each channel, which the scaling factor comes on top of; null for most.
    private (IReadOnlyList<float> Mean, IReadOnlyList<float> Deviation)? Normal { get; init; }

    /// <param name="config">The file.</param>
    /// <param name="normalizes">Whether <c>latents_mean</c> and <c>latents_std</c> count: diffusers' pipelines of other families than SDXL do not look at them.</param>
    /// <exception cref="ModelException">A value makes no sense.</exception>
    public static VaeConfig Read(JsonFile config, bool normalizes)
    {
        var scalingFactor = config.NumberNotZero("scaling_factor") ?? 0.18215;
        var shiftFactor = config.Number("shift_factor") ?? 0;
        var latentChannels = config.Integer("latent_channels", ModelFamily.MostChannels) ?? 4;
        var sampleSize = config.Pair("sample_size", MostPixels)?.First ?? 512;
        var levels = config.Integers("block_out_channels");
        return new VaeConfig(latentChannels, 1 << (levels?.Count - 1 ?? 3), scalingFactor, shiftFactor, sampleSize, levels?[0] ?? 128)
        {
            Normal = normalizes && config.Numbers("latents_mean", latentChannels) is { } mean && config.NumbersNotZero("latents_std", latentChannels) is { } deviation
                ? (mean, deviation)
                : null,
        };
    }

    /// <summary>Latents [channels, …] as the decoder reads them: z / scaling + shift; z · deviation / scaling + mean where it has those.</summary>
    public float[] ToDecoder(ReadOnlySpan<float> latents)
    {
        var (scale, shift, plane) = ((float)ScalingFactor, (float)ShiftFactor, latents.Length / LatentChannels);
        var scaled = new float[latents.Length];
        for (var i = 0; i < latents.Length; i++)
        {
            scaled[i] = Normal is { } normal
                ? (latents[i] * normal.Deviation[i / plane] / scale) + normal.Mean[i / plane]
                : (latents[i] / scale) + shift;
        }

        return scaled;
    }

    /// <summary>The other way, in place: what the encoder gave to latents [channels, …].</summary>
    public void FromEncoder(Span<float> sample)
    {
        var (scale, shift, plane) = ((float)ScalingFactor, (float)ShiftFactor, sample.Length / LatentChannels);
        for (var i = 0; i < sample.Length; i++)
        {
            sample[i] = Normal is { } normal
                ? (sample[i] - normal.Mean[i / plane]) * scale / normal.Deviation[i / plane]
                : (sample[i] - shift) * scale;
        }
    }
}
