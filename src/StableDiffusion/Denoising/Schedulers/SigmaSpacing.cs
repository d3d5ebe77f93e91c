namespace StableDiffusion;

/// <summary>Noise levels spaced by a rule of their own instead of by training step, highest first.</summary>
internal static class SigmaSpacing
{
    private const double Rho = 7;

    /// <summary>The parameters that choose a rule; at most one may be set.</summary>
    public static IReadOnlyList<string> Rules { get; } = ["use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"];

    /// <summary>The levels that the configuration's <c>use_..._sigmas</c> asks for, or null when it asks for none.</summary>
    /// <param name="config">The scheduler's configuration.</param>
    /// <param name="highest">The highest level, unless <c>sigma_max</c> says otherwise.</param>
    /// <param name="lowest">The lowest level above 0, unless <c>sigma_min</c> says otherwise.</param>
    /// <param name="steps">How many.</param>
    public static double[]? Of(SchedulerConfig config, double highest, double lowest, int steps)
    {
        var chosen = Rules.Where(config.Flag).ToArray();
        if (chosen.Length > 1)
        {
            throw new RequestException($"{string.Join(" and ", chosen)} exclude each other; set one of them.");
        }

        var (max, min) = (config.RealOrNull("sigma_max") ?? highest, config.RealOrNull("sigma_min") ?? lowest);
        if (chosen.Length > 0 && !(min > 0 && max >= min))
        {
            throw new RequestException($"{chosen[0]} needs noise levels above 0; sigma_min is {min} and sigma_max {max}.");
        }

        return chosen.FirstOrDefault() switch
        {
            "use_karras_sigmas" => Karras(max, min, steps),
            "use_exponential_sigmas" => [.. TimestepSpacing.LinearSpace(Math.Log(max), Math.Log(min), steps).Select(Math.Exp)],
            "use_beta_sigmas" => Beta(max, min, steps),
            _ => null,
        };
    }

    // Equation 5 of Karras et al. (2022), arXiv 2206.00364.
    private static double[] Karras(double max, double min, int steps)
    {
        var (from, to) = (Math.Pow(max, 1 / Rho), Math.Pow(min, 1 / Rho));
        return [.. TimestepSpacing.LinearSpace(0, 1, steps).Select(ramp => Math.Pow(from + (ramp * (to - from)), Rho))];
    }

    // Beta sampling, Lee et al. (2024), arXiv 2407.12173, with α = β = 0.6.
    private static double[] Beta(double max, double min, int steps) =>
        [.. TimestepSpacing.LinearSpace(0, 1, steps).Select(ramp => min + (BetaDistribution.Quantile(1 - ramp, 0.6, 0.6) * (max - min)))];
}
