namespace StableDiffusion;

/// <summary>A variational autoencoder in two networks, <c>vae_encoder</c> and <c>vae_decoder</c>.</summary>
internal sealed class VaeCodec(ModelFolder folder, NetworkLoader loader) : ILatentCodec
{
    private LatentEncoder? _encoder;
    private LatentDecoder? _decoder;

    public void OpenEncoder() => _encoder ??= new LatentEncoder(folder, loader);

    public void OpenDecoder() => _decoder ??= new LatentDecoder(folder, loader);

    public Latents Encode(float[] pixels, int height, int width, INoiseSource noise, CancellationToken cancellation)
    {
        OpenEncoder();
        return _encoder!.Encode(pixels, height, width, noise, cancellation);
    }

    public RgbImage Decode(Latents latents, CancellationToken cancellation)
    {
        OpenDecoder();
        return _decoder!.Decode(latents, cancellation);
    }

    public void Close()
    {
        _encoder?.Dispose();
        _decoder?.Dispose();
        (_encoder, _decoder) = (null, null);
    }

    public void Dispose() => Close();
}
