using System.Numerics.Tensors;

namespace StableDiffusion;

/// <summary>Stops a run where numbers stop being numbers, instead of painting a black picture.</summary>
internal static class NumericGuard
{
    /// <summary>Throws a <see cref="ModelException"/> that names the stage when a value is NaN or infinite.</summary>
    public static void RequireFinite(ReadOnlySpan<float> values, string stage)
    {
        // One sum of magnitudes tells nearly always; where finite numbers add up to infinity, each is looked at.
        if (!float.IsFinite(TensorPrimitives.SumOfMagnitudes(values)) && !TensorPrimitives.IsFiniteAll(values))
        {
            throw new ModelException(
                $"{stage} gave numbers that are not finite (NaN or infinite). "
                + "A float16 export may overflow: try a float32 export, another scheduler or a lower guidance scale.");
        }
    }
}
