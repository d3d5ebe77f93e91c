namespace StableDiffusion;

/// <summary>Enlarges latents and pictures, with or without a network. Networks stay open for the next picture.</summary>
internal sealed class Enlarger(ModelFolder folder, Func<string, OnnxModel> open) : IDisposable
{
    public const string Latent = "latent";
    public const string Lanczos = "lanczos";

    /// <summary>The network that the model brings for its own pictures, in its folder <see cref="Part"/>.</summary>
    public const string OfModel = "model";

    /// <summary>The folder of that network.</summary>
    public const string Part = "upscaler";

    /// <summary>Pixels that Lanczos looks around where it enlarges, and one to spare.</summary>
    private const int LanczosReach = 4;

    private readonly Dictionary<string, PictureUpscaler> _open = [];

    /// <summary>Refuses an upscaler that is neither known nor a file.</summary>
    public static void Require(string parameter, string upscaler, ModelFolder folder)
    {
        if (upscaler == OfModel && !File.Exists(folder.NetworkOf(Part)))
        {
            throw new RequestException(parameter, $"{parameter:name}: {folder.Name} brings no upscaling network ({Part}/model.onnx); give {Lanczos} or the file of a network.");
        }

        if (upscaler is not (Latent or Lanczos or OfModel) && !File.Exists(upscaler))
        {
            throw new RequestException(parameter, $"{parameter:name}: there is no upscaler {OneLine.Quote(upscaler)}; give {Latent}, {Lanczos}, {OfModel} or the file of a network.");
        }
    }

    /// <summary>Refuses an enlargement of the finished picture that makes no sense.</summary>
    public static void Require(ImageRequest request, ModelFolder folder)
    {
        if (request.UpscalerInUse is not { } upscaler)
        {
            return;
        }

        if (request.Upscale is { } scale && scale is not (> 0 and <= 16))
        {
            throw new RequestException(nameof(request.Upscale), $"{nameof(request.Upscale):name} {scale} must be above 0, and at most 16.");
        }

        if (upscaler == Lanczos && request.Upscale is null)
        {
            throw new RequestException(nameof(request.Upscaler), $"{nameof(request.Upscaler):name} {Lanczos} enlarges by any factor; say by which with {nameof(request.Upscale):name}, such as 2.");
        }

        if (upscaler == Latent)
        {
            throw new RequestException(nameof(request.Upscaler), $"{nameof(request.Upscaler):name} {Latent} enlarges no finished picture; give {Lanczos}, {OfModel} or the file of a network.");
        }

        Require(nameof(request.Upscaler), upscaler, folder);
    }

    /// <summary>Enlarges a picture to a size, or by what the network does.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="upscaler"><see cref="Lanczos"/>, <see cref="OfModel"/> or the file of a network.</param>
    /// <param name="size">The size; null for what the network gives.</param>
    /// <param name="seamless">Whether the picture continues at its opposite edge, and is to do so when it is larger.</param>
    /// <param name="cancellation">Stops it.</param>
    public RgbImage Enlarge(RgbImage image, string upscaler, (int Width, int Height)? size, bool seamless, CancellationToken cancellation)
    {
        if (upscaler != Lanczos)
        {
            if (!_open.TryGetValue(upscaler, out var network))
            {
                _open[upscaler] = network = new PictureUpscaler(open(upscaler == OfModel ? folder.NetworkOf(Part) : upscaler), cancellation);
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
