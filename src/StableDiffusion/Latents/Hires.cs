namespace StableDiffusion;

/// <summary>
/// A second pass at a larger size, as the webui's "hires fix": the picture is painted at its own size, enlarged, covered with new noise of the
/// same seed, and painted over.
/// </summary>
/// <param name="Scale">How much larger, such as 2.</param>
public sealed record Hires(double Scale)
{
    /// <summary>What enlarges: <c>latent</c> (bilinear, of the latents), <c>lanczos</c> (of the pixels), <c>model</c> (the network <c>upscaler/model.onnx</c> in the model's folder), or the path of an upscaling network.</summary>
    public string Upscaler { get; init; } = Enlarger.Latent;

    /// <summary>Steps of the second pass; null for those of the first.</summary>
    public int? Steps { get; init; }

    /// <summary>How far the enlarged picture is painted over: 0 to 1.</summary>
    public double Strength { get; init; } = 0.7;

    /// <summary>The request of the second pass; null where there is none.</summary>
    /// <exception cref="RequestException">It makes no sense.</exception>
    internal static ImageRequest? SecondPass(ImageRequest request, ModelFolder folder, int width, int height, int steps)
    {
        if (request.Hires is not { } hires)
        {
            return null;
        }

        if (request.InitImage is not null || request.Latents is not null)
        {
            throw new RequestException(nameof(request.Hires), $"{nameof(request.Hires):name} enlarges what is painted from noise; leave {nameof(request.InitImage):name} and {nameof(request.Latents):name} out.");
        }

        if (hires.Scale is not (> 1 and <= 8))
        {
            throw new RequestException(nameof(request.Hires), $"{nameof(request.Hires):name} {hires.Scale} must be above 1, and at most 8.");
        }

        Enlarger.Require(nameof(request.Hires), hires.Upscaler, folder);
        int Larger(int pixels) => (int)(pixels * hires.Scale) / folder.SizeGrid * folder.SizeGrid;
        return request with
        {
            Hires = null,
            IsSecondPass = true,
            Width = Larger(width),
            Height = Larger(height),
            Steps = hires.Steps ?? steps,
            Strength = hires.Strength,
        };
    }
}
