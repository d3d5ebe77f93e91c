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
    public RgbImage Decode(Latents latents, CancellationToken cancellation)
    {
        using var input = _model.InputBuffer(_input, 1, latents.Channels, latents.Height, latents.Width);
        var (scale, shift) = ((float)_folder.ScalingFactor, (float)_folder.ShiftFactor);
        for (var i = 0; i < latents.Values.Length; i++)
        {
            input.Floats[i] = (latents.Values[i] / scale) + shift;
        }

        input.Upload();
        var (values, shape) = _model.Run([input], [_output], cancellation)[0];
        var factor = _folder.PixelsPerLatent;
        if (shape is not [1, 3, var height, var width] || height != latents.Height * factor || width != latents.Width * factor)
        {
            throw new ModelException(
                $"{_model.Path} gave a picture of the shape [{string.Join(", ", shape)}] where its config.json promises "
                + $"[1, 3, {latents.Height * factor}, {latents.Width * factor}] (block_out_channels).");
        }

        NumericGuard.RequireFinite(values, "vae_decoder");
        return RgbImage.FromChw(values, checked((int)shape[3]), checked((int)shape[2]));
    }

    public void Dispose() => _model.Dispose();
}
