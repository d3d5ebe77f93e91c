using System.Numerics.Tensors;

namespace StableDiffusion;

/// <summary>Classifier-free guidance: Ho &amp; Salimans (2022), arXiv 2207.12598, in the form of equation (2) of Imagen, arXiv 2205.11487.</summary>
/// <param name="Scale">The weight w; with 1 or less the network is asked only once.</param>
/// <param name="Rescale">The factor φ of Lin et al. (2023), arXiv 2305.08891, section 3.4; 0 for none.</param>
/// <param name="Start">Share of the run, 0 to 1, from which on guidance is on.</param>
/// <param name="End">Share of the run up to which guidance is on.</param>
/// <param name="Every">
/// Steps from one call without the prompt to the next, 1 for one at each. In between the last difference of the two predictions stands for the
/// present one, which changes little from step to step: the CFG-Cache of Lv et al. (2024), FasterCache, arXiv 2410.19355, without its weights by
/// frequency.
/// </param>
internal sealed record Guidance(double Scale, double Rescale, double Start, double End, int Every = 1)
{
    /// <summary>Whether any step asks the network twice.</summary>
    public bool IsOn => Scale > 1;

    /// <summary>Whether guidance is on at call <paramref name="call"/> of <paramref name="calls"/>.</summary>
    public bool IsOnAt(int call, int calls)
    {
        var progress = (double)call / calls;
        return IsOn && progress >= Start && progress < End;
    }

    /// <summary>Combines what the network said for one image without and with the prompt: negative + w·(positive − negative).</summary>
    public void Combine(ReadOnlySpan<float> negative, ReadOnlySpan<float> positive, Span<float> guided)
    {
        TensorPrimitives.Subtract(positive, negative, guided);
        TensorPrimitives.MultiplyAdd(guided, (float)Scale, negative, guided);
        if (Rescale > 0)
        {
            RescaleTo(positive, guided);
        }
    }

    /// <summary>Equations (15) and (16): brings the deviation back to that of the positive prediction, then mixes by φ.</summary>
    private void RescaleTo(ReadOnlySpan<float> positive, Span<float> guided)
    {
        var ratio = Deviation(positive) / Deviation(guided);
        TensorPrimitives.Multiply(guided, (float)((Rescale * ratio) + (1 - Rescale)), guided);
    }

    private static double Deviation(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (var value in values)
        {
            sum += value;
        }

        var mean = sum / values.Length;
        double squares = 0;
        foreach (var value in values)
        {
            squares += (value - mean) * (value - mean);
        }

        return Math.Sqrt(squares / (values.Length - 1));
    }
}
