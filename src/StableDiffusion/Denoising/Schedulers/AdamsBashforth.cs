namespace StableDiffusion;

/// <summary>The Adams-Bashforth rule with even steps: equation 12 of Liu et al. (2022), arXiv 2202.09778, and its lower orders.</summary>
internal static class AdamsBashforth
{
    private const int Order = 4;

    /// <summary>Writes the weighted sum of the slopes known, the last of which counts first, and forgets those no longer needed.</summary>
    public static void Write(Span<float> result, List<float[]> slopes)
    {
        if (slopes.Count > Order)
        {
            slopes.RemoveAt(0);
        }

        ReadOnlySpan<double> weights = slopes.Count switch
        {
            1 => [1],
            2 => [3.0 / 2, -1.0 / 2],
            3 => [23.0 / 12, -16.0 / 12, 5.0 / 12],
            _ => [55.0 / 24, -59.0 / 24, 37.0 / 24, -9.0 / 24],
        };
        slopes[^1].CopyTo(result);
        Blend.Scale(result, weights[0]);
        for (var i = 1; i < weights.Length; i++)
        {
            Blend.Add(result, weights[i], slopes[^(i + 1)]);
        }
    }
}
