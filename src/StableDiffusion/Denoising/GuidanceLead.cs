using System.Numerics.Tensors;

namespace StableDiffusion;

/// <summary>
/// Where the last guided step led: the prediction with the prompt less that without, for each image. It guides the steps at which only the
/// prompt is asked for (<see cref="Guidance.Every"/>).
/// </summary>
/// <param name="guidance">How often the difference is taken.</param>
/// <param name="length">Values of all images.</param>
internal sealed class GuidanceLead(Guidance guidance, int length)
{
    private readonly float[] _differences = guidance.Every > 1 ? new float[length] : [];
    private readonly float[] _negative = guidance.Every > 1 ? new float[length] : [];
    private int? _step;

    /// <summary>Whether a step is led by the difference of an earlier one.</summary>
    public bool MayReuse(int step) => new StepInterval(guidance.Every).MayReuse(_step, step);

    /// <summary>Keeps an image's difference.</summary>
    public void Keep(int image, int step, ReadOnlySpan<float> negative, ReadOnlySpan<float> positive)
    {
        if (guidance.Every > 1)
        {
            _step = step;
            TensorPrimitives.Subtract(positive, negative, _differences.AsSpan(image * negative.Length, negative.Length));
        }
    }

    /// <summary>Guides an image by the difference that was kept.</summary>
    public void Combine(int image, ReadOnlySpan<float> positive, Span<float> guided)
    {
        var negative = _negative.AsSpan(0, positive.Length);
        TensorPrimitives.Subtract(positive, _differences.AsSpan(image * positive.Length, positive.Length), negative);
        guidance.Combine(negative, positive, guided);
    }
}
