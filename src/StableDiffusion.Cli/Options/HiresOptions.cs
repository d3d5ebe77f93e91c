using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary>The options that make pictures larger: a second pass, and enlarging the result.</summary>
internal sealed class HiresOptions
{
    public Option<double?> HiresScale { get; } = new("--hires-scale", "--hr-scale")
    {
        Description = "Paint, enlarge by this, and paint over it again (the webui's hires fix); -W and -H are the size before.",
        HelpName = "x",
    };

    private Option<int?> HiresSteps { get; } = new("--hires-steps") { Description = "Steps of the second pass. [default: --steps]", HelpName = "n" };

    private Option<double?> HiresStrength { get; } = new("--hires-strength", "--hires-denoising-strength")
    {
        Description = "How far the enlarged picture is painted over, 0 to 1. [default: 0.7]",
        HelpName = "x",
    };

    private Option<string?> HiresUpscaler { get; } = new("--hires-upscaler")
    {
        Description = "What enlarges: latent, lanczos, model for the network that the model brings, or one such as ESRGAN. [default: latent]",
        HelpName = "latent|lanczos|model|file.onnx",
    };

    public Option<double?> Upscale { get; } = new("--upscale") { Description = "Enlarge the finished picture by this. [default: what --upscaler does]", HelpName = "x" };

    public Option<string?> Upscaler { get; } = new("--upscaler")
    {
        Description = "What enlarges the finished picture: model for the network that the model brings, or one such as ESRGAN. [default: lanczos]",
        HelpName = "lanczos|model|file.onnx",
    };

    public IReadOnlyList<Setting> Table =>
    [
        new(HiresScale, nameof(ImageRequest.Hires), (request, given) => request with { Hires = SecondPass(given) }),
        new(HiresSteps),
        new(HiresStrength),
        new(HiresUpscaler),
        Setting.Of(Upscale, nameof(ImageRequest.Upscale), (request, value) => request with { Upscale = value }),
        Setting.OfText(Upscaler, nameof(ImageRequest.Upscaler), (request, text) => request with { Upscaler = NameOf(text) }),
    ];

    /// <summary>latent, lanczos and model in any case, as the webui writes them; anything else is a file.</summary>
    public static string NameOf(string upscaler) =>
        upscaler.ToLowerInvariant() is Enlarger.Latent or Enlarger.Lanczos or Enlarger.OfModel ? upscaler.ToLowerInvariant() : upscaler;

    private Hires? SecondPass(IGivenOptions given)
    {
        if (given.GetValue(HiresScale) is { } scale)
        {
            var standard = new Hires(scale);
            return standard with
            {
                Steps = given.GetValue(HiresSteps),
                Strength = given.GetValue(HiresStrength) ?? standard.Strength,
                Upscaler = NameOf(given.GetValue(HiresUpscaler) ?? standard.Upscaler),
            };
        }

        return given.GetValue(HiresSteps) is null && given.GetValue(HiresStrength) is null && given.GetValue(HiresUpscaler) is null
            ? null
            : throw new RequestException($"the options of the second pass do nothing without {HiresScale.Name}; give it, such as 2.");
    }
}
