using System.Numerics.Tensors;

namespace StableDiffusion;

/// <summary>
/// What the weights of a prompt do to its embeddings: the emphasis "Original" of AUTOMATIC1111's webui (modules/sd_emphasis.py).
/// </summary>
internal static class Emphasis
{
    /// <summary>
    /// Multiplies each token's embedding by its weight, then everything by what brings the mean over the chunk back to what
    /// it was. The webui does so chunk by chunk and encoder by encoder, and leaves pooled embeddings alone.
    /// Weights that leave no finite factor for that (a mean of 0) stay in force without it; if all weights are 1, nothing changes.
    /// </summary>
    /// <param name="embeddings">One chunk, [tokens, width], changed in place.</param>
    /// <param name="multipliers">[tokens]</param>
    /// <param name="width">The length of one token's embedding.</param>
    /// <exception cref="ArgumentException">The embeddings are not tokens times width.</exception>
    public static void Apply(Span<float> embeddings, ReadOnlySpan<float> multipliers, int width)
    {
        if (embeddings.Length != multipliers.Length * width)
        {
            throw new ArgumentException(
                $"{embeddings.Length} embedding values are not {multipliers.Length} tokens of {width}.", nameof(embeddings));
        }

        if (!multipliers.ContainsAnyExcept(1f))
        {
            return;
        }

        var originalSum = Sum(embeddings);
        for (var token = 0; token < multipliers.Length; token++)
        {
            var embedding = embeddings.Slice(token * width, width);
            TensorPrimitives.Multiply(embedding, multipliers[token], embedding);
        }

        var factor = (float)(originalSum / Sum(embeddings));
        if (float.IsFinite(factor))
        {
            TensorPrimitives.Multiply(embeddings, factor, embeddings);
        }
    }

    private static double Sum(ReadOnlySpan<float> values)
    {
        var sum = 0.0;
        foreach (var value in values)
        {
            sum += value;
        }

        return sum;
    }
}
