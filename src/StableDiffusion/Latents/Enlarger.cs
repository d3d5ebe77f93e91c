namespace StableDiffusion;

/// <summary>Enlarges latents and pictures, with or without a network. Networks stay open for the next picture.</summary>
internal sealed class Enlarger(Func<string, OnnxModel> open) : IDisposable
{
    public const string Latent = "latent";
    public const string Lanczos = "lanczos";

    /// <summary>Pixels that Lanczos looks around where it enlarges, and one to spare.</summary>
    private const int LanczosReach = 4;

    private readonly Dictionary<string, PictureUpscaler> _open = [];

    /// <summary>Refuses an upscaler that is neither known nor a file.</summary>
    public static void Require(string parameter, string upscaler)
    {
        if (upscaler is not (Latent or Lanczos) && !File.Exists(upscaler))
        {
            throw new RequestException(parameter, $"{parameter:name}: there is no upscaler {OneLine.Quote(upscaler)}; give {Latent}, {Lanczos} or the file of a network.");
        }
    }

    /// <summary>Refuses an enlargement of the finished picture that makes no sense.</summary>
    public static void Require(ImageRequest request)
    {
        if (request.UpscalerInUse is not { } upscaler)
        {
            return;
        }

        if (request.Upscale is { } scale && scale is not (> 0 and <= 16))
        {
            throw new RequestException(nameof(request.Upscale), $"{nameof(request.Upscale):name} {scale} must be above 0, and at most 16.");
        }

        if (upscaler == Latent || (upscaler == Lanczos && request.Upscale is null))
        {
            throw new RequestException(nameof(request.Upscale), $"{nameof(request.Upscale):name} wants an upscaling network, or lanczos and how much larger.");
        }

        Require(nameof(request.Upscale), upscaler);
    }

    /// <summary>Enlarges a picture to a size, or by what the network does.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="upscaler"><see cref="Lanczos"/> or the file of a network.</param>
    /// <param name="size">The size; null for what the network gives.</param>
    /// <param name="seamless">Whether the picture continues at its opposite edge, and is to do so when it is larger.</param>
    /// <param name="cancellation">Stops it.</param>
    public RgbImage Enlarge(RgbImage image, string upscaler, (int Width, int Height)? size, bool seamless, CancellationToken cancellation)
    {
        if (upscaler != Lanczos)
        {
            if (!_open.TryGetValue(upscaler, out var network))
            {
                _open[upscaler] = network = new PictureUpscaler(open(upscaler), cancellation);
            }

            image = seamless
                ? Torus.Enlarge(image, image.Width * network.Factor, image.Height * network.Factor, network.Margin, (part, _, _) => network.Upscale(part, cancellation))
                : network.Upscale(image, cancellation);
        }

        if (size is not var (width, height) || (image.Width, image.Height) == (width, height))
        {
            return image;
        }

        return seamless
            ? Torus.Enlarge(image, width, height, LanczosReach, (part, partWidth, partHeight) => ImageResizer.Resize(part, partWidth, partHeight))
            : ImageResizer.Resize(image, width, height);
    }

    /// <summary>The latents of one picture at another size: PyTorch's <c>interpolate(mode="bilinear")</c>, the webui's "Latent".</summary>
    public static Latents Enlarge(Latents latents, int height, int width)
    {
        var result = new float[latents.Channels * height * width];
        for (var y = 0; y < height; y++)
        {
            var (top, bottom, down) = Between(y, latents.Height, height);
            for (var x = 0; x < width; x++)
            {
                var (left, right, across) = Between(x, latents.Width, width);
                for (var channel = 0; channel < latents.Channels; channel++)
                {
                    float At(int row, int column) => latents.Values[(((channel * latents.Height) + row) * latents.Width) + column];
                    var above = At(top, left) + (across * (At(top, right) - At(top, left)));
                    var below = At(bottom, left) + (across * (At(bottom, right) - At(bottom, left)));
                    result[(((channel * height) + y) * width) + x] = above + (down * (below - above));
                }
            }
        }

        return new Latents(result, 1, latents.Channels, height, width);
    }

    public void Dispose()
    {
        foreach (var network in _open.Values)
        {
            network.Dispose();
        }

        _open.Clear();
    }

    /// <summary>The two places of the small side that a place of the large one lies between (pixels have centres), and how far it is to the second.</summary>
    private static (int First, int Second, float Share) Between(int place, int from, int to)
    {
        var at = Math.Max((((place + 0.5f) * from) / to) - 0.5f, 0);
        var first = Math.Min((int)at, from - 1);
        return (first, Math.Min(first + 1, from - 1), at - first);
    }
}
