namespace StableDiffusion;

/// <summary>The VAE decoder: clean latents to pictures, one at a time (many exports fix the batch at 1).</summary>
internal sealed class LatentDecoder : IDisposable
{
    private readonly ModelFolder _folder;
    private readonly OnnxModel _model;
    private readonly string _input;
    private readonly string _output;

    public LatentDecoder(ModelFolder folder, NetworkLoader loader)
    {
        _folder = folder;
        _model = loader.Open("vae_decoder");
        _input = _model.InputNamed("latent_sample", "latent");
        _output = _model.OutputNamed("sample", "images");
    }

    /// <summary>Decodes one image's latents [1, channels, height, width].</summary>
    /// <param name="latents">The latents.</param>
    /// <param name="tiles">How they are cut; null for the whole at once.</param>
    /// <param name="cancellation">Stops the network.</param>
    public RgbImage Decode(Latents latents, Tiles? tiles, CancellationToken cancellation)
    {
        var whole = new Tiles.Plane(_folder.Vae.ToDecoder(latents.Values), latents.Channels, latents.Height, latents.Width);
        var picture = tiles is null ? Run(whole, cancellation) : tiles.Run(whole, tile => Run(tile, cancellation));
        NumericGuard.RequireFinite(picture.Values, "vae_decoder");
        return RgbImage.FromChw(picture.Values, picture.Width, picture.Height);
    }

    public void Dispose() => _model.Dispose();

    private Tiles.Plane Run(Tiles.Plane latents, CancellationToken cancellation)
    {
        using var input = _model.InputBuffer(_input, 1, latents.Channels, latents.Height, latents.Width);
        latents.Values.CopyTo(input.Floats);
        input.Upload();
        var (values, shape) = _model.Run([input], [_output], cancellation)[0];
        var factor = _folder.PixelsPerLatent;
        if (shape is not [1, 3, var height, var width] || height != latents.Height * factor || width != latents.Width * factor)
        {
            throw new ModelException(
                $"{_model.Path} gave a picture of the shape [{string.Join(", ", shape)}] where its config.json promises "
                + $"[1, 3, {latents.Height * factor}, {latents.Width * factor}] (block_out_channels).");
        }

        return new Tiles.Plane(values, 3, latents.Height * factor, latents.Width * factor);
    }
}
