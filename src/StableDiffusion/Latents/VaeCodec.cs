namespace StableDiffusion;

/// <summary>A variational autoencoder in two networks, <c>vae_encoder</c> and <c>vae_decoder</c>.</summary>
internal sealed class VaeCodec(ModelFolder folder, NetworkLoader loader) : ILatentCodec
{
    private LatentEncoder? _encoder;
    private LatentDecoder? _decoder;

    public VaeTiling? Tiling { get; set; }

    public void OpenEncoder() => _encoder ??= new LatentEncoder(folder, loader);

    public void OpenDecoder() => _decoder ??= new LatentDecoder(folder, loader);

    public Latents Encode(float[] pixels, int height, int width, INoiseSource noise, CancellationToken cancellation)
    {
        OpenEncoder();
        return _encoder!.Encode(pixels, height, width, TilesFor(height / folder.PixelsPerLatent, width / folder.PixelsPerLatent, isEncoder: true), noise, cancellation);
    }

    public RgbImage Decode(Latents latents, CancellationToken cancellation)
    {
        OpenDecoder();
        return _decoder!.Decode(latents, TilesFor(latents.Height, latents.Width, isEncoder: false), cancellation);
    }

    public void Close()
    {
        _encoder?.Dispose();
        _decoder?.Dispose();
        (_encoder, _decoder) = (null, null);
    }

    public void Dispose() => Close();

    /// <summary>The tiles for a picture of this many latents; null where it is taken as a whole.</summary>
    private Tiles? TilesFor(int height, int width, bool isEncoder)
    {
        if (VaeTiling.InUse(Tiling, folder.Vae, height, width) is not { } tiling)
        {
            return null;
        }

        var (factor, size) = (folder.PixelsPerLatent, tiling.LatentsOf(folder.Vae));
        var step = Math.Max((int)(size * (1 - tiling.Overlap)), 1);
        var tiles = isEncoder ? new Tiles(size * factor, step * factor, 1, factor) : new Tiles(size, step, factor, 1);
        return height > size || width > size ? tiles : null;
    }
}
