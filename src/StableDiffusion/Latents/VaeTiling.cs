namespace StableDiffusion;

/// <summary>
/// How a large picture is encoded and decoded in tiles that overlap and are blended, as diffusers' <c>enable_tiling</c> does it: in the memory of
/// one tile, with small differences from the whole.
/// </summary>
/// <param name="Size">Pixels along one side of a tile; null for the size that the autoencoder was trained at.</param>
/// <param name="Overlap">Share of a tile, 0 to 0.9, that the next one covers too.</param>
public sealed record VaeTiling(int? Size = null, double Overlap = 0.25)
{
    private const int SmallestTile = 4;

    /// <summary>One tile that holds any picture: tiles know nothing of the picture's opposite edge.</summary>
    internal static VaeTiling Never { get; } = new(int.MaxValue);

    /// <summary>The tiling that is asked for; without one, the usual where the whole would not fit the machine; null to take it whole.</summary>
    /// <param name="asked">What the request says.</param>
    /// <param name="vae">The autoencoder.</param>
    /// <param name="height">Latent height.</param>
    /// <param name="width">Latent width.</param>
    internal static VaeTiling? InUse(VaeTiling? asked, VaeConfig vae, int height, int width) =>
        asked ?? (VaeMemory.IsShort(height, width, vae.PixelsPerLatent, vae.Channels, MachineMemory.Total) ? new VaeTiling() : null);

    /// <summary>Latents along one side of a tile.</summary>
    internal int LatentsOf(VaeConfig vae) => Math.Max((Size ?? vae.SampleSize) / vae.PixelsPerLatent, 1);

    /// <summary>Refuses what makes no sense for a model.</summary>
    internal static void Require(ImageRequest request, ModelFolder folder)
    {
        if (request is { Seamless: true, Tiling: not null })
        {
            throw new RequestException(
                nameof(request.Seamless), $"{nameof(request.Seamless):name} needs the picture as a whole, and {nameof(request.Tiling):name} cuts it up; leave one of them out.");
        }

        var (size, overlap) = (request.Tiling?.Size, request.Tiling?.Overlap ?? 0);
        var factor = folder.PixelsPerLatent;
        if (size is { } pixels && (pixels % factor != 0 || pixels < SmallestTile * factor))
        {
            throw new RequestException(
                nameof(request.Tiling), $"{nameof(request.Tiling):name}: tiles of {pixels} pixels do not fit {folder.Name}: they must be a multiple of {factor}, and at least {SmallestTile * factor}.");
        }

        if (overlap is not (>= 0 and <= 0.9))
        {
            throw new RequestException(nameof(request.Tiling), $"{nameof(request.Tiling):name}: the overlap of tiles, {overlap}, must be from 0 to 0.9.");
        }
    }
}
