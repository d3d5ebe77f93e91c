namespace StableDiffusion;

/// <summary>The beta distribution's quantiles (scipy: <c>stats.beta.ppf</c>).</summary>
internal static class BetaDistribution
{
    /// <summary>The x in [0, 1] below which the share <paramref name="p"/> of the distribution lies.</summary>
    public static double Quantile(double p, double a, double b)
    {
        if (p <= 0 || p >= 1)
        {
            return p <= 0 ? 0 : 1;
        }

        // Bisection over all doubles: a thousand halvings at most, and no starting value that could be wrong.
        var (low, high) = (0.0, 1.0);
        while (true)
        {
            var middle = (low + high) / 2;
            if (middle <= low || middle >= high)
            {
                return middle;
            }

            if (Cumulative(middle, a, b) < p)
            {
                low = middle;
            }
            else
            {
                high = middle;
            }
        }
    }

    /// <summary>The regularised incomplete beta function Iₓ(a, b).</summary>
    public static double Cumulative(double x, double a, double b)
    {
        if (x is <= 0 or >= 1)
        {
            return x <= 0 ? 0 : 1;
        }

        // The continued fraction converges fast below the mean only; above it Iₓ(a, b) = 1 − I₁₋ₓ(b, a).
        return x < (a + 1) / (a + b + 2)
            ? Front(x, a, b) * Fraction(x, a, b) / a
            : 1 - (Front(x, a, b) * Fraction(1 - x, b, a) / b);
    }

    private static double Front(double x, double a, double b) =>
        Math.Exp(LogGamma(a + b) - LogGamma(a) - LogGamma(b) + (a * Math.Log(x)) + (b * double.LogP1(-x)));

    // Continued fraction 26.5.8 of Abramowitz and Stegun, by the method of Lentz.
    private static double Fraction(double x, double a, double b)
    {
        const double Tiny = 1e-300;
        var c = 1.0;
        var d = 1 / NotZero(1 - ((a + b) * x / (a + 1)));
        var h = d;
        for (var m = 1; m < 1000; m++)
        {
            var even = m * (b - m) * x / ((a + (2 * m) - 1) * (a + (2 * m)));
            d = 1 / NotZero(1 + (even * d));
            c = NotZero(1 + (even / c));
            h *= d * c;
            var odd = -(a + m) * (a + b + m) * x / ((a + (2 * m)) * (a + (2 * m) + 1));
            d = 1 / NotZero(1 + (odd * d));
            c = NotZero(1 + (odd / c));
            h *= d * c;
            if (Math.Abs((d * c) - 1) < 1e-16)
            {
                break;
            }
        }

        return h;

        static double NotZero(double value) => Math.Abs(value) < Tiny ? Tiny : value;
    }

    // Lanczos' approximation with g = 7 and 9 terms.
    private static double LogGamma(double x)
    {
        double[] terms =
        [
            0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
            12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
        ];
        if (x < 0.5)
        {
            return Math.Log(Math.PI / Math.Sin(Math.PI * x)) - LogGamma(1 - x);
        }

        var t = x + 6.5;
        var sum = terms[0];
        for (var i = 1; i < terms.Length; i++)
        {
            sum += terms[i] / (x - 1 + i);
        }

        return (0.5 * Math.Log(2 * Math.PI)) + ((x - 0.5) * Math.Log(t)) - t + Math.Log(sum);
    }
}
