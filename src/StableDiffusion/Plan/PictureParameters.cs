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
    public static GenerationParameters Of(Painting painting, int index, WeightPrecision precision) => Of(painting.Plan, new(painting, index, precision));

    private static GenerationParameters Of(GenerationPlan plan, PictureFields.Source picture) => new()
    {
        Prompt = plan.Request.Prompt,
        NegativePrompt = plan.Request.NegativePrompt ?? "",
        Steps = plan.Steps,
        Sampler = plan.Request.SchedulerFactory is null ? plan.Scheduler.Entry.WebUiName : "custom",
        ScheduleType = ScheduleType(plan.Scheduler.Config),
        CfgScale = plan.Scale,
        Seed = unchecked((ulong)picture.Painting.Seed),
        Width = plan.Width,
        Height = plan.Height,
        Model = plan.Folder.Name,
        DenoisingStrength = plan.Request.Hires?.Strength ?? (plan.Request.InitImage is null ? null : plan.Strength),
        ClipSkip = plan.Request.ClipSkip > 1 ? plan.Request.ClipSkip : null,
        Rng = plan.Request.NoiseFactory is not null ? "custom" : plan.Request.Generator == RandomGenerator.Nvidia ? "NV" : "CPU",
        Extra = [.. PictureFields.Of(picture)],
        Version = _program,
    };

    private static string? ScheduleType(SchedulerConfig config) =>
        config.Flag("use_karras_sigmas") ? "Karras"
        : config.Flag("use_exponential_sigmas") ? "Exponential"
        : config.Flag("use_beta_sigmas") ? "Beta"
        : null;
}
