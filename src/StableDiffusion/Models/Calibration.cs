namespace StableDiffusion;

/// <summary>What goes through a model's convolutions while it paints: the ranges by which <see cref="EightBitConvolutionsEdit"/> rounds.</summary>
internal sealed class Calibration
{
    private static readonly string[] _parts = ["unet", "vae_decoder"];

    private readonly Dictionary<string, ChannelRangesEdit> _seen = _parts.ToDictionary(part => part, part => new ChannelRangesEdit(part));

    private Calibration()
    {
    }

    /// <summary>Prompts of many kinds, for where nobody gives any.</summary>
    public static IReadOnlyList<string> Prompts { get; } =
    [
        "a red apple", "portrait of an old man, oil painting", "a city street at night, neon lights", "a cat, line art on a white background",
        "snowy mountains at sunrise, wide angle", "a bowl of fruit on a wooden table, studio lighting", "an astronaut in a forest, watercolor", "a blue logo, flat icon",
    ];

    /// <summary>Paints, and looks.</summary>
    /// <param name="modelFolder">The model.</param>
    /// <param name="options">How it is opened.</param>
    /// <param name="requests">What is painted.</param>
    /// <param name="tell">Told of each picture before it is painted.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="RequestException">The model does not take a request.</exception>
    public static Calibration Run(
        string modelFolder, PipelineOptions options, IReadOnlyList<ImageRequest> requests, Action<string> tell, CancellationToken cancellation)
    {
        var calibration = new Calibration();
        using var pipeline = TextToImagePipeline.Load(modelFolder, options with { Edits = [.. calibration._seen.Values], GraphCache = null, Warning = null });
        foreach (var (i, request) in requests.Index())
        {
            tell($"picture {i + 1} of {requests.Count}");
            _ = pipeline.Generate(request, cancellation: cancellation).Count();
        }

        return calibration;
    }

    /// <summary>What was seen in a network, by the names of its tensors.</summary>
    public IReadOnlyDictionary<string, ChannelRanges> RangesOf(string part) =>
        _seen.TryGetValue(part, out var seen) ? seen.Seen : new Dictionary<string, ChannelRanges>();
}
