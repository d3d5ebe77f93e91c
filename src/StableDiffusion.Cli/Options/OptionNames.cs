using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary>
/// What the library's parameters are called where users set them: the one place that knows which option, and so which field of a batch
/// line, sets which property of a request.
/// </summary>
internal static class OptionNames
{
    private static readonly ImageOptions _image = new();

    private static readonly Dictionary<string, Option> _options = new()
    {
        [nameof(ImageRequest.Prompt)] = _image.Prompt,
        [nameof(ImageRequest.NegativePrompt)] = _image.NegativePrompt,
        [nameof(ImageRequest.Prompt2)] = _image.Prompt2,
        [nameof(ImageRequest.NegativePrompt2)] = _image.NegativePrompt2,
        [nameof(ImageRequest.Prompt3)] = _image.Prompt3,
        [nameof(ImageRequest.NegativePrompt3)] = _image.NegativePrompt3,
        [nameof(ImageRequest.MaxSequenceLength)] = _image.MaxSequenceLength,
        [nameof(ImageRequest.DistilledGuidance)] = _image.DistilledGuidance,
        [nameof(ImageRequest.Seeds)] = _image.Seed,
        [nameof(ImageRequest.ImagesPerSeed)] = _image.NumImages,
        [nameof(ImageRequest.Steps)] = _image.Steps,
        [nameof(ImageRequest.GuidanceScale)] = _image.CfgScale,
        [nameof(ImageRequest.GuidanceRescale)] = _image.GuidanceRescale,
        [nameof(ImageRequest.GuidanceStart)] = _image.GuidanceStart,
        [nameof(ImageRequest.GuidanceEnd)] = _image.GuidanceEnd,
        [nameof(ImageRequest.Width)] = _image.Width,
        [nameof(ImageRequest.Height)] = _image.Height,
        [nameof(ImageRequest.Scheduler)] = _image.Scheduler,
        [nameof(ImageRequest.SchedulerConfig)] = _image.SchedulerConfig,
        [nameof(ImageRequest.Eta)] = _image.Eta,
        [nameof(ImageRequest.ClipSkip)] = _image.ClipSkip,
        [nameof(ImageRequest.LongPrompt)] = _image.LongPrompt,
        [nameof(ImageRequest.Generator)] = _image.Rng,
        [nameof(ImageRequest.Latents)] = _image.Latents,
        [nameof(ImageRequest.InitImage)] = _image.InitImage,
        [nameof(ImageRequest.Strength)] = _image.Strength,
        [nameof(ImageRequest.Mask)] = _image.Mask,
        [nameof(ImageRequest.Fit)] = _image.ResizeMode,
        [nameof(ImageRequest.OriginalSize)] = _image.OriginalSize,
        [nameof(ImageRequest.Crop)] = _image.Crop,
        [nameof(ImageRequest.TargetSize)] = _image.TargetSize,
        [nameof(ImageRequest.Loras)] = _image.Adapters.Loras,
        [nameof(ImageRequest.Embeddings)] = _image.Adapters.Embeddings,
        [nameof(ImageRequest.EmbeddingFolder)] = _image.Adapters.EmbeddingFolder,
        [nameof(ImageRequest.Controls)] = _image.Controls.Controls,
        [nameof(ImageRequest.GuessMode)] = _image.Controls.GuessMode,
        [nameof(ImageRequest.VariationSeed)] = _image.Variations.Seed,
        [nameof(ImageRequest.VariationStrength)] = _image.Variations.Strength,
        [nameof(ImageRequest.Hires)] = _image.Larger.HiresScale,
        [nameof(ImageRequest.Upscale)] = _image.Larger.Upscale,
        [nameof(ImageRequest.Upscaler)] = _image.Larger.Upscaler,
        [nameof(ImageRequest.Tiling)] = _image.Tiles.Tiling,
        [nameof(PipelineOptions.Device)] = new RunOptions().Device,
    };

    /// <summary>The properties that have an option.</summary>
    public static IReadOnlyCollection<string> Properties => _options.Keys;

    /// <summary>The option that sets a property, such as <c>--cfg-scale</c>; the shorter name where that is what people write.</summary>
    public static string Option(string property) => property switch
    {
        nameof(ImageRequest.Width) => "-W",
        nameof(ImageRequest.Height) => "-H",
        _ => _options.TryGetValue(property, out var option) ? option.Name : property,
    };

    /// <summary>The field of a batch line that sets a property, such as <c>cfg_scale</c>.</summary>
    public static string Field(string property) => _options.TryGetValue(property, out var option) ? FieldOf(option.Name) : property;

    /// <summary>An option's name as a field: <c>cfg_scale</c> for <c>--cfg-scale</c>.</summary>
    public static string FieldOf(string option) => option.TrimStart('-').Replace('-', '_').ToLowerInvariant();

    /// <summary>An exception's message for whoever gave the options.</summary>
    public static string Message(Exception error) => Message(error, Option);

    /// <summary>An exception's message for whoever wrote a batch line.</summary>
    public static string MessageForLine(Exception error) => Message(error, Field);

    private static string Message(Exception error, Func<string, string> nameOf) => error switch
    {
        RequestException refused => refused.MessageFor(nameOf),
        DeviceException refused => refused.MessageFor(nameOf),
        _ => error.Message,
    };
}
