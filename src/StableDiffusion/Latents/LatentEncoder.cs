namespace StableDiffusion;

/// <summary>The VAE encoder: a picture to latents, drawn from the posterior that the network gives.</summary>
internal sealed class LatentEncoder : IDisposable
{
    private readonly ModelFolder _folder;
    private readonly OnnxModel _model;
    private readonly string _input;
    private readonly string _output;

    public LatentEncoder(ModelFolder folder, NetworkLoader loader)
    {
        var path = folder.NetworkOf("vae_encoder");
        if (!File.Exists(path))
        {
            throw new ModelException($"{path} is missing, which an init image needs. Export the model with its VAE encoder.");
        }

        _folder = folder;
        _model = loader.Open("vae_encoder");
        _input = _model.InputNamed("sample");
        _output = _model.OutputNamed("latent_parameters", "latent_sample");
    }

    /// <summary>Encodes one picture.</summary>
    /// <param name="pixels">Values from −1 to 1 [3, height, width].</param>
    /// <param name="height">Height in pixels.</param>
    /// <param name="width">Width in pixels.</param>
    /// <param name="tiles">How it is cut; null for the whole at once.</param>
    /// <param name="noise">Drawn from once, for the posterior; exports that give a finished sample draw their own, which no seed repeats.</param>
    /// <param name="cancellation">Stops the network.</param>
    /// <returns>Latents [1, channels, height / factor, width / factor], scaled.</returns>
    public Latents Encode(float[] pixels, int height, int width, Tiles? tiles, INoiseSource noise, CancellationToken cancellation)
    {
        var whole = new Tiles.Plane(pixels, 3, height, width);
        var (values, channels, latentHeight, latentWidth) = tiles is null ? Run(whole, cancellation) : tiles.Run(whole, tile => Run(tile, cancellation));
        NumericGuard.RequireFinite(values, "vae_encoder");
        var sample = channels == 2 * _folder.LatentChannels ? DrawFromPosterior(values, noise) : values;
        _folder.Vae.FromEncoder(sample);
        return new Latents(sample, 1, _folder.LatentChannels, latentHeight, latentWidth);
    }

    public void Dispose() => _model.Dispose();

    private Tiles.Plane Run(Tiles.Plane pixels, CancellationToken cancellation)
    {
        using var input = _model.InputBuffer(_input, 1, 3, pixels.Height, pixels.Width);
        pixels.Values.CopyTo(input.Floats);
        input.Upload();
        var (values, shape) = _model.Run([input], [_output], cancellation)[0];
        return new Tiles.Plane(values, checked((int)shape[1]), checked((int)shape[2]), checked((int)shape[3]));
    }

    /// <summary>Mean + deviation · noise, with the log-variance clamped to −30 … 20 as diffusers' DiagonalGaussianDistribution does.</summary>
    private static float[] DrawFromPosterior(float[] parameters, INoiseSource noise)
    {
        var length = parameters.Length / 2;
        var sample = new float[length];
        noise.Draw(sample);
        for (var i = 0; i < length; i++)
        {
            var deviation = MathF.Exp(0.5f * Math.Clamp(parameters[length + i], -30f, 20f));
            sample[i] = parameters[i] + (deviation * sample[i]);
        }

        return sample;
    }
}
