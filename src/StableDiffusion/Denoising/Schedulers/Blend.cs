using System.Numerics.Tensors;

namespace StableDiffusion;

/// <summary>Weighted sums of latents; weights are worked out in double and applied in float32, as torch applies scalars.</summary>
internal static class Blend
{
    /// <summary>Writes a·x + b·y; the result may be the memory of either.</summary>
    public static void Write(Span<float> result, double a, ReadOnlySpan<float> x, double b, ReadOnlySpan<float> y)
    {
        var (p, q) = ((float)a, (float)b);
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = (p * x[i]) + (q * y[i]);
        }
    }

    /// <summary>Writes the weighted sum of latents and output.</summary>
    public static void Write(Span<float> result, Weights weights, ReadOnlySpan<float> latents, ReadOnlySpan<float> output) =>
        Write(result, weights.Latents, latents, weights.Output, output);

    /// <summary>Adds a·x.</summary>
    public static void Add(Span<float> result, double a, ReadOnlySpan<float> x) =>
        TensorPrimitives.MultiplyAdd(x, (float)a, result, result);

    /// <summary>Multiplies by a.</summary>
    public static void Scale(Span<float> result, double a) => TensorPrimitives.Multiply(result, (float)a, result);
}
