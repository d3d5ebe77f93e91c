using System.Globalization;
using System.Reflection;

namespace StableDiffusion;

/// <summary>What is stored in a PNG, so that the picture can be painted again.</summary>
internal static class PictureParameters
{
    private static readonly string _program =
        $"StableDiffusion.Cli {typeof(PictureParameters).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0]}";

    /// <param name="painting">What was asked for.</param>
    /// <param name="index">Which picture of the seed.</param>
    /// <param name="precision">How finely weights were kept.</param>
    public static GenerationParameters Of(Painting painting, int index, WeightPrecision precision) => Of(painting.Plan, painting, index, precision);

    private static GenerationParameters Of(GenerationPlan plan, Painting painting, int index, WeightPrecision precision) => new()
    {
        Prompt = plan.Request.Prompt,
        NegativePrompt = plan.Request.NegativePrompt ?? "",
        Steps = plan.Steps,
        Sampler = plan.Request.SchedulerFactory is null ? plan.Scheduler.Entry.WebUiName : "custom",
        ScheduleType = ScheduleType(plan.Scheduler.Config),
        CfgScale = plan.Scale,
        Seed = unchecked((ulong)painting.Seed),
        Width = plan.Width,
        Height = plan.Height,
        Model = plan.Folder.Name,
        DenoisingStrength = plan.Request.Hires?.Strength ?? (plan.Request.InitImage is null ? null : plan.Strength),
        ClipSkip = plan.Request.ClipSkip > 1 ? plan.Request.ClipSkip : null,
        Rng = plan.Request.NoiseFactory is not null ? "custom" : plan.Request.Generator == RandomGenerator.Nvidia ? "NV" : "CPU",
        Extra = [.. Extras(plan, painting, index, precision)],
        Version = _program,
    };

    /// <summary>The webui's names.</summary>
    private static string NameOf(string upscaler) => upscaler switch
    {
        Enlarger.Latent => "Latent",
        Enlarger.Lanczos => "Lanczos",
        _ => Path.GetFileNameWithoutExtension(upscaler),
    };

    private static string? ScheduleType(SchedulerConfig config) =>
        config.Flag("use_karras_sigmas") ? "Karras"
        : config.Flag("use_exponential_sigmas") ? "Exponential"
        : config.Flag("use_beta_sigmas") ? "Beta"
        : null;

    /// <summary>What a request may give beside texts and numbers; files are named as given, for their names are not known here.</summary>
    private static IEnumerable<(string Name, string Value)> GivenBeside(ImageRequest request)
    {
        static string Pair(int first, int second, char between) => string.Create(CultureInfo.InvariantCulture, $"{first}{between}{second}");
        (string Name, string? Value)[] all =
        [
            ("Prompt 2", request.Prompt2),
            ("Negative prompt 2", request.NegativePrompt2),
            ("Original size", request.OriginalSize is var (width, height) ? Pair(width, height, 'x') : null),
            ("Crop", request.Crop == (0, 0) ? null : Pair(request.Crop.Top, request.Crop.Left, ',')),
            ("Target size", request.TargetSize is var (targetWidth, targetHeight) ? Pair(targetWidth, targetHeight, 'x') : null),
            ("Latents", request.Latents is null ? null : "given"),
            ("Mask", request.Mask is null ? null : "given"),
            ("Resize mode", request.InitImage is null || request.Fit == default ? null : request.Fit.ToString()),
        ];
        return all.Where(entry => !string.IsNullOrEmpty(entry.Value)).Select(entry => (entry.Name, entry.Value!));
    }

    private static IEnumerable<KeyValuePair<string, string>> Extras(GenerationPlan plan, Painting painting, int index, WeightPrecision precision)
    {
        static KeyValuePair<string, string> Of(string name, object value) => new(name, Convert.ToString(value, CultureInfo.InvariantCulture)!);
        if (painting.VariationSeed is { } variation)
        {
            yield return Of("Variation seed", variation);
            yield return Of("Variation seed strength", plan.Request.VariationStrength);
        }

        if (plan.Request.Seamless)
        {
            yield return Of("Tiling", "True");
        }

        if (plan.Request.Hires is { } hires)
        {
            yield return Of("Hires upscale", hires.Scale);
            if (hires.Steps is { } steps)
            {
                yield return Of("Hires steps", steps);
            }

            yield return Of("Hires upscaler", NameOf(hires.Upscaler));
        }

        if (plan.Request.UpscalerInUse is { } upscaler)
        {
            if (plan.Request.Upscale is { } scale)
            {
                yield return Of("Postprocess upscale by", scale);
            }

            yield return Of("Postprocess upscaler", NameOf(upscaler));
        }

        if (plan.Folder.Variant is { } variant)
        {
            yield return Of("Model variant", variant);
        }

        if (precision == WeightPrecision.EightBit)
        {
            yield return Of("Precision", "w8");
        }

        if (plan.Eta is > 0)
        {
            yield return Of("Eta", plan.Eta);
        }

        if (plan.Guidance.Rescale > 0)
        {
            yield return Of("Guidance rescale", plan.Guidance.Rescale);
        }

        if (plan.Guidance.Start > 0 || plan.Guidance.End < 1)
        {
            yield return Of("Guidance range", string.Create(CultureInfo.InvariantCulture, $"{plan.Guidance.Start}-{plan.Guidance.End}"));
        }

        if (plan.Guidance.Every > 1)
        {
            yield return Of("Guidance every", plan.Guidance.Every);
        }

        if (plan.Request.DeepCache is { Interval: > 1 } cache)
        {
            yield return Of("Deep cache", string.Create(CultureInfo.InvariantCulture, $"{cache.Interval}:{cache.Branch}"));
        }

        foreach (var (name, value) in GivenBeside(plan.Request))
        {
            yield return Of(name, value);
        }

        if (plan.ImageCount > 1)
        {
            yield return Of("Batch size", plan.ImageCount);
            yield return Of("Batch pos", index);
        }

        foreach (var (key, value) in plan.Request.SchedulerConfig.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            yield return Of(key, value?.ToString() ?? "null");
        }

        if (plan.Request.LongPrompt == LongPrompt.Truncate)
        {
            yield return Of("Long prompt", "truncate");
        }
    }
}
