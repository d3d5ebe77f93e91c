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
