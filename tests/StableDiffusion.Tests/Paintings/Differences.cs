namespace StableDiffusion.Tests;

/// <summary>How far apart two results are.</summary>
internal static class Differences
{
    /// <summary>The largest absolute difference.</summary>
    public static double Largest(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
    {
        Assert.Equal(expected.Length, actual.Length);
        double largest = 0;
        for (var i = 0; i < actual.Length; i++)
        {
            largest = Math.Max(largest, Math.Abs((double)actual[i] - expected[i]));
        }

        return largest;
    }

    /// <summary>The mean absolute difference.</summary>
    public static double Mean(IEnumerable<float> actual, IEnumerable<float> expected) => actual.Zip(expected, (a, b) => Math.Abs((double)a - b)).Average();

    /// <summary>The mean difference of all channels of all pixels, in levels of 255.</summary>
    public static double Mean(RgbImage actual, RgbImage expected) => actual.Pixels.ToArray().Zip(expected.Pixels.ToArray(), (a, b) => Math.Abs(a - b)).Average();

    /// <summary>The largest difference of any channel of any pixel, in levels of 255.</summary>
    public static int Largest(RgbImage actual, RgbImage expected)
    {
        Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
        var a = actual.Pixels.Span;
        var b = expected.Pixels.Span;
        var largest = 0;
        for (var i = 0; i < a.Length; i++)
        {
            largest = Math.Max(largest, Math.Abs(a[i] - b[i]));
        }

        return largest;
    }
}
