namespace StableDiffusion;

/// <summary>Start noise of a second seed that is mixed in: pictures close to that of the first seed (the webui's "variation seed").</summary>
internal static class Variation
{
    /// <summary>Nearly parallel noise is mixed in a straight line.</summary>
    private const double Parallel = 0.9995;

    /// <summary>
    /// Turns noise towards other noise on the great circle between them, as the webui does (modules/rng.py, slerp): for each channel and column by
    /// itself, over the rows.
    /// </summary>
    /// <param name="noise">[channels, height, width], changed in place.</param>
    /// <param name="other">The same shape.</param>
    /// <param name="strength">How far, 0 to 1.</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Columns.</param>
    public static void Turn(Span<float> noise, ReadOnlySpan<float> other, double strength, int height, int width)
    {
        var columns = noise.Length / height;
        var cosines = new double[columns];
        for (var column = 0; column < columns; column++)
        {
            var first = (column / width * height * width) + (column % width);
            double a = 0, b = 0, dot = 0;
            for (var row = 0; row < height; row++)
            {
                var at = first + (row * width);
                a += (double)noise[at] * noise[at];
                b += (double)other[at] * other[at];
                dot += (double)noise[at] * other[at];
            }

            cosines[column] = dot / Math.Sqrt(a * b);
        }

        var straight = cosines.Average() > Parallel;
        for (var column = 0; column < columns; column++)
        {
            var first = (column / width * height * width) + (column % width);
            var angle = Math.Acos(Math.Clamp(cosines[column], -1, 1));
            var (keep, take) = straight
                ? (strength, 1 - strength)
                : (Math.Sin((1 - strength) * angle) / Math.Sin(angle), Math.Sin(strength * angle) / Math.Sin(angle));
            for (var row = 0; row < height; row++)
            {
                var at = first + (row * width);
                noise[at] = (float)((keep * noise[at]) + (take * other[at]));
            }
        }
    }
}
