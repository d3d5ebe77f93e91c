using System.Globalization;

namespace StableDiffusion;

/// <summary>
/// What a picture's text holds beside the fields that <see cref="GenerationParameters"/> has of its own: everything of a request that makes another picture.
/// The one list, for those who write the text and those who read it back; a test goes through all options.
/// </summary>
internal static class PictureFields
{
    public const string VariationSeed = "Variation seed";
    public const string Upscale = "Postprocess upscale by";
    public const string Upscaler = "Postprocess upscaler";
    public const string Variant = "Model variant";
    public const string Precision = "Precision";
    public const string GuidanceRange = "Guidance range";
    public const string EmptyNegativePrompt = "Empty negative prompt";
    public const string TileSize = "VAE tile size";
    public const string TileOverlap = "VAE tile overlap";
    public const string Latents = "Latents";
    public const string Mask = "Mask";
    public const string ResizeMode = "Resize mode";
    public const string BatchSize = "Batch size";
    public const string BatchPosition = "Batch pos";

    /// <summary>The text of a PNG in which the webui keeps what was done to a finished picture.</summary>
    public const string Postprocessing = "postprocessing";

    /// <summary>A picture whose text is written.</summary>
    /// <param name="Painting">What was asked for.</param>
    /// <param name="Index">Which picture of the seed.</param>
    /// <param name="WeightPrecision">How finely weights were kept.</param>
    internal sealed record Source(Painting Painting, int Index, WeightPrecision WeightPrecision)
    {
        public GenerationPlan Plan => Painting.Plan;

        public ImageRequest Request => Painting.Plan.Request;

        /// <summary>The tiles that the finished picture was decoded in, asked for or not; null for none.</summary>
        public VaeTiling? Tiles => Request.Seamless ? null : VaeTiling.InUse(Request.Tiling, Plan.Folder.Vae, Last.LatentHeight, Last.LatentWidth);

        private GenerationPlan Last => Plan.SecondPass ?? Plan;
    }

    /// <param name="Name">The field's name.</param>
    /// <param name="Value">The value; null where the picture is the same without it.</param>
    /// <param name="Property">The property of a request whose option takes just this value; null where it is put together or read otherwise.</param>
    internal sealed record Row(string Name, Func<Source, object?> Value, string? Property = null);

    public static IReadOnlyList<Row> Rows { get; } =
    [
        new(VariationSeed, picture => unchecked((ulong?)picture.Painting.VariationSeed), nameof(ImageRequest.VariationSeed)),
        new("Variation seed strength", picture => picture.Painting.VariationSeed is null ? null : picture.Request.VariationStrength, nameof(ImageRequest.VariationStrength)),
        new("Tiling", picture => picture.Request.Seamless ? "True" : null, nameof(ImageRequest.Seamless)),
        new("Hires upscale", picture => picture.Request.Hires?.Scale),
        new("Hires steps", picture => picture.Request.Hires?.Steps),
        new("Hires upscaler", picture => picture.Request.Hires is { } hires ? NameOf(hires.Upscaler) : null),
        new(Upscale, picture => picture.Request.Upscale),
        new(Upscaler, picture => picture.Request.UpscalerInUse is { } upscaler ? NameOf(upscaler) : null),
        new(Variant, picture => picture.Plan.Folder.Variant),
        new(Precision, picture => picture.WeightPrecision == WeightPrecision.EightBit ? "w8" : null),
        new("Eta", picture => picture.Plan.Eta is > 0 and var eta ? eta : null, nameof(ImageRequest.Eta)),
        new("Guidance rescale", picture => picture.Plan.Guidance.Rescale is > 0 and var rescale ? rescale : null, nameof(ImageRequest.GuidanceRescale)),
        new(GuidanceRange, picture => picture.Plan.Guidance is { Start: > 0 } or { End: < 1 } ? Text($"{picture.Plan.Guidance.Start}-{picture.Plan.Guidance.End}") : null),
        new("Guidance every", picture => picture.Plan.Guidance.Every is > 1 and var every ? every : null, nameof(ImageRequest.GuidanceEvery)),
        new("Distilled CFG Scale", picture => picture.Request.DistilledGuidance, nameof(ImageRequest.DistilledGuidance)),
        new("Deep cache", picture => picture.Request.DeepCache is { Interval: > 1 } cache ? Text($"{cache.Interval}:{cache.Branch}") : null, nameof(ImageRequest.DeepCache)),
        new("Prompt 2", picture => NotEmpty(picture.Request.Prompt2), nameof(ImageRequest.Prompt2)),
        new("Negative prompt 2", picture => NotEmpty(picture.Request.NegativePrompt2), nameof(ImageRequest.NegativePrompt2)),
        new("Prompt 3", picture => NotEmpty(picture.Request.Prompt3), nameof(ImageRequest.Prompt3)),
        new("Negative prompt 3", picture => NotEmpty(picture.Request.NegativePrompt3), nameof(ImageRequest.NegativePrompt3)),

        // SDXL, which leads away from zeros where none is given.
        new(EmptyNegativePrompt, picture => picture.Request.NegativePrompt is "" && picture.Plan.Folder.ForceZerosForEmptyPrompt ? "True" : null),
        new("Max sequence length", picture => picture.Request.MaxSequenceLength, nameof(ImageRequest.MaxSequenceLength)),
        new("Original size", picture => picture.Request.OriginalSize is var (width, height) ? Text($"{width}x{height}") : null, nameof(ImageRequest.OriginalSize)),
        new("Crop", picture => picture.Request.Crop is (0, 0) ? null : Text($"{picture.Request.Crop.Top},{picture.Request.Crop.Left}"), nameof(ImageRequest.Crop)),
        new("Target size", picture => picture.Request.TargetSize is var (width, height) ? Text($"{width}x{height}") : null, nameof(ImageRequest.TargetSize)),
        new("VAE tiling", picture => picture.Tiles is null ? null : "True", nameof(ImageRequest.Tiling)),
        new(TileSize, picture => picture.Tiles?.Size),
        new(TileOverlap, picture => picture.Tiles is { } tiles && !tiles.Overlap.Equals(new VaeTiling().Overlap) ? tiles.Overlap : null),

        // Files are not named: what they are called here means nothing elsewhere.
        new(Latents, picture => picture.Request.Latents is null ? null : "given"),
        new(Mask, picture => picture.Request.Mask is null ? null : "given"),
        new(ResizeMode, picture => picture.Request.InitImage is null || picture.Request.Fit == default ? null : picture.Request.Fit),
        new(BatchSize, picture => picture.Plan.ImageCount > 1 ? picture.Plan.ImageCount : null),
        new(BatchPosition, picture => picture.Plan.ImageCount > 1 ? picture.Index : null),
        new("Long prompt", picture => picture.Request.LongPrompt == LongPrompt.Truncate ? "truncate" : null, nameof(ImageRequest.LongPrompt)),
    ];

    /// <summary>The fields of a picture: these rows, and what was laid over the scheduler's configuration, by its own names.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Of(Source picture)
    {
        foreach (var row in Rows)
        {
            if (row.Value(picture) is { } value)
            {
                yield return new(row.Name, Convert.ToString(value, CultureInfo.InvariantCulture)!);
            }
        }

        foreach (var (key, value) in picture.Request.SchedulerConfig.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            yield return new(key, value?.ToString() ?? "null");
        }
    }

    /// <summary>The fields that say how a finished picture was enlarged.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> OfEnlargement(double scale, string upscaler) =>
        [new(Upscale, scale.ToString(CultureInfo.InvariantCulture)), new(Upscaler, NameOf(upscaler))];

    /// <summary>The webui's names.</summary>
    private static string NameOf(string upscaler) => upscaler switch
    {
        Enlarger.Latent => "Latent",
        Enlarger.Lanczos => "Lanczos",
        Enlarger.OfModel => Enlarger.OfModel,

        // A file of that name is none that the model brings.
        _ => Path.GetFileNameWithoutExtension(upscaler) is var name && name == Enlarger.OfModel ? Path.GetFileName(upscaler) : name,
    };

    /// <summary>A text for a further encoder, where an empty one is none.</summary>
    private static string? NotEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
