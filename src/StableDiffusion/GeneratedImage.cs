namespace StableDiffusion;

/// <summary>A picture and how it came about.</summary>
/// <param name="Image">The pixels.</param>
/// <param name="Latents">What was decoded [1, channels, height, width], before the decoder's scaling (diffusers: <c>output_type="latent"</c>).</param>
/// <param name="Index">Which picture of the request, from 0.</param>
/// <param name="Seed">The seed that paints it again.</param>
/// <param name="IndexInSeed">Which picture of this seed, from 0; above 0 only where one generator feeds several pictures.</param>
/// <param name="Parameters">Everything that shaped it, as it is stored in the file.</param>
/// <param name="Timings">Where the time went.</param>
public sealed record GeneratedImage(
    RgbImage Image,
    Latents Latents,
    int Index,
    long Seed,
    int IndexInSeed,
    GenerationParameters Parameters,
    StageTimings Timings)
{
    /// <summary>Requests that were painted in the same calls of the network, this one's among them.</summary>
    public int RequestsTogether { get; init; } = 1;

    /// <summary>
    /// Writes the picture with its parameters, whole or not at all; a file of that name is replaced. It is then the file that the program
    /// writes, and other programs can read how it was made.
    /// </summary>
    /// <param name="path">Where; it must end in <c>.png</c>, <c>.jpg</c> or <c>.webp</c>, and its folder must be there.</param>
    /// <exception cref="RequestException">The name has another ending, or the file cannot be written there.</exception>
    /// <param name="quality">1 to 100, for JPEG and WebP.</param>
    public void Save(string path, int quality = PictureWriter.DefaultQuality)
    {
        ArgumentNullException.ThrowIfNull(path);
        var kind = PictureFormats.OfName(path) ?? throw new RequestException($"{OneLine.Quote(path)} must end in {PictureFormats.Written}.");
        AtomicFile.Write(path, stream => PictureWriter.Write(stream, Image, kind, Parameters.ToInfotext(), quality));
    }
}

/// <summary>Time spent by stage; pictures that are painted together share the stages before decoding.</summary>
/// <param name="Loading">Opening networks for them; zero once they are open.</param>
/// <param name="TextEncoding">Prompts to embeddings.</param>
/// <param name="ImageEncoding">Init image and mask to latents, and with a second pass what the first painted, decoded and enlarged; zero without.</param>
/// <param name="Denoising">The loop over the network.</param>
/// <param name="Decoding">This picture's latents to pixels.</param>
public sealed record StageTimings(TimeSpan Loading, TimeSpan TextEncoding, TimeSpan ImageEncoding, TimeSpan Denoising, TimeSpan Decoding);

/// <summary>How far a run is.</summary>
/// <param name="Index">The first of the pictures that are being painted together, from 0.</param>
/// <param name="Images">Pictures of the whole request.</param>
/// <param name="Call">Calls of the network done for them.</param>
/// <param name="Calls">Calls of the network in all for them.</param>
public sealed record GenerationProgress(int Index, int Images, int Call, int Calls)
{
    /// <summary>The call from inside, where the request asks for it (<see cref="ImageRequest.ReportsSteps"/>); otherwise null.</summary>
    public DenoisingStep? Step { get; init; }
}
