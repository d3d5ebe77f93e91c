using System.Globalization;
using System.Reflection;

namespace StableDiffusion;

internal sealed partial class GenerationPlan
{
    private static readonly string _program =
        $"StableDiffusion.Cli {typeof(GenerationPlan).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0]}";

    /// <summary>What is stored in the PNG, so that the picture can be painted again.</summary>
    /// <param name="seed">The seed of the run.</param>
    /// <param name="index">Which picture of the seed.</param>
    public GenerationParameters ParametersOf(long seed, int index) => new()
    {
        Prompt = Request.Prompt,
        NegativePrompt = Request.NegativePrompt ?? "",
        Steps = Steps,
        Sampler = Entry.WebUiName,
        ScheduleType = ScheduleType(),
        CfgScale = Scale,
        Seed = unchecked((ulong)seed),
        Width = Width,
        Height = Height,
        Model = _folder.Name,
        DenoisingStrength = Request.InitImage is null ? null : Strength,
        ClipSkip = Request.ClipSkip > 1 ? Request.ClipSkip : null,
        Rng = Request.Generator == RandomGenerator.Nvidia ? "NV" : "CPU",
        Extra = [.. Extras(index)],
        Version = _program,
    };

    private string? ScheduleType() =>
        Chosen.Flag("use_karras_sigmas") ? "Karras"
        : Chosen.Flag("use_exponential_sigmas") ? "Exponential"
        : Chosen.Flag("use_beta_sigmas") ? "Beta"
        : null;

    private IEnumerable<KeyValuePair<string, string>> Extras(int index)
    {
        static KeyValuePair<string, string> Of(string name, object value) => new(name, Convert.ToString(value, CultureInfo.InvariantCulture)!);
        if (Eta is > 0)
        {
            yield return Of("Eta", Eta);
        }

        if (Guidance.Rescale > 0)
        {
            yield return Of("Guidance rescale", Guidance.Rescale);
        }

        if (Guidance.Start > 0 || Guidance.End < 1)
        {
            yield return Of("Guidance range", string.Create(CultureInfo.InvariantCulture, $"{Guidance.Start}-{Guidance.End}"));
        }

        if (ImageCount > 1)
        {
            yield return Of("Batch size", ImageCount);
            yield return Of("Batch pos", index);
        }

        foreach (var (key, value) in Request.SchedulerConfig.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            yield return Of(key, value?.ToString() ?? "null");
        }

        if (Request.LongPrompt == LongPrompt.Truncate)
        {
            yield return Of("Long prompt", "truncate");
        }
    }
}
