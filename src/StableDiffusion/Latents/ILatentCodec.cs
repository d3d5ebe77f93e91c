namespace StableDiffusion;

/// <summary>
/// Pictures to latents and back, with the family's scale and shift. Its networks are opened by the first use, or by the two
/// <c>Open</c> methods, so that only those are in memory that are used.
/// </summary>
internal interface ILatentCodec : IDisposable
{
    /// <summary>How pictures are cut into tiles; null for whole ones where they fit into the memory.</summary>
    VaeTiling? Tiling { get; set; }

    /// <summary>Opens what <see cref="Encode"/> needs.</summary>
    /// <exception cref="ModelException">The model has no encoder, or it cannot be opened.</exception>
    void OpenEncoder();

    /// <summary>Opens what <see cref="Decode"/> needs.</summary>
    /// <exception cref="ModelException">It cannot be opened.</exception>
    void OpenDecoder();

    /// <summary>Encodes one picture.</summary>
    /// <param name="pixels">Values from −1 to 1 [3, height, width].</param>
    /// <param name="height">Height in pixels.</param>
    /// <param name="width">Width in pixels.</param>
    /// <param name="noise">Drawn from once, for the posterior, where the encoder gives one.</param>
    /// <param name="cancellation">Stops the network.</param>
    /// <returns>Latents [1, channels, height / factor, width / factor], as the denoising network has them.</returns>
    Latents Encode(float[] pixels, int height, int width, INoiseSource noise, CancellationToken cancellation);

    /// <summary>Decodes one picture's latents [1, channels, height, width].</summary>
    RgbImage Decode(Latents latents, CancellationToken cancellation);

    /// <summary>Closes what is open; it is opened again when it is needed.</summary>
    void Close();
}
