using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary>The options for pictures close to that of a seed, and for those without a seam.</summary>
internal sealed class VariationOptions
{
    public Option<string?> Seed { get; } = new("--variation-seed", "--subseed")
    {
        Description = "The seed of noise that is mixed into the start noise; -1 draws one. With --batch-count this one counts up, and --seed stays.",
        HelpName = "seed",
    };

    public Option<double?> Strength { get; } = new("--variation-strength", "--subseed-strength")
    {
        Description = "How far from --seed to --variation-seed, 0 to 1.",
        HelpName = "x",
    };

    private Option<bool> Tiling { get; } = new("--tiling") { Description = "A picture that continues at its opposite edge: copies lie side by side without a seam." };

    public IReadOnlyList<Setting> Table =>
    [
        Setting.Of(Tiling, nameof(ImageRequest.Seamless), (request, value) => request with { Seamless = value }),
        new(Seed, nameof(ImageRequest.VariationSeed)),
        new(Strength, nameof(ImageRequest.VariationStrength)),
    ];

    /// <summary>The request with its variation.</summary>
    public ImageRequest AddTo(ImageRequest request, IGivenOptions given, string seed, int batchCount)
    {
        var text = given.GetValue(Seed);
        if (given.GetValue(Strength) is not { } strength)
        {
            return text is null or Seeds.Drawn // what the webui writes where no variation is asked for
                ? request
                : throw new RequestException(
                    nameof(ImageRequest.VariationStrength),
                    $"{nameof(ImageRequest.VariationSeed):name} does nothing without {nameof(ImageRequest.VariationStrength):name}; give it, such as 0.1.");
        }

        return request with
        {
            VariationSeed = Seeds.One(text ?? Seeds.Drawn, nameof(ImageRequest.VariationSeed)),
            VariationStrength = strength,
            Seeds = strength > 0 && batchCount > 1 ? [.. Seeds.Expand(seed, 1).SelectMany(one => Enumerable.Repeat(one, batchCount))] : request.Seeds,
        };
    }
}
