using System.Numerics.Tensors;

namespace StableDiffusion;

/// <summary>One call of the network seen from inside: copies, which stay as they are while the run goes on.</summary>
/// <param name="Timestep">The time step, in training steps.</param>
/// <param name="Alpha">The share α of the picture in <paramref name="Before"/> = α·clean + σ·noise.</param>
/// <param name="Sigma">The share σ of the noise.</param>
/// <param name="Before">The latents before the step [images, channels, height, width], as the scheduler has them.</param>
/// <param name="Prediction">What the network said of them, after guidance.</param>
/// <param name="PredictedClean">
/// The clean latents x₀ that this amounts to, before any thresholding; it can be decoded to see what the network has in mind.
/// </param>
/// <param name="After">The latents after the step.</param>
public sealed record DenoisingStep(
    float Timestep, float Alpha, float Sigma, Latents Before, Latents Prediction, Latents PredictedClean, Latents After)
{
    /// <summary>Looks at a call before its step is taken; <see cref="After"/> is still to be filled.</summary>
    internal static DenoisingStep Of(int call, IScheduler scheduler, PredictionType type, Latents latents, ReadOnlySpan<float> prediction)
    {
        var (alpha, sigma) = LevelsOf(scheduler, call);
        var before = latents.With(latents.Values.ToArray());
        var clean = latents.With(new float[latents.Values.Length]);
        Clean(type, alpha, sigma, before.Values, prediction, clean.Values);
        return new DenoisingStep(
            scheduler.Timesteps[call], alpha, sigma, before, latents.With(prediction.ToArray()), clean, before);
    }

    /// <summary>What the scheduler's forward diffusion makes of a one, and of a one in the noise: α and σ of any scheduler.</summary>
    private static (float Alpha, float Sigma) LevelsOf(IScheduler scheduler, int call)
    {
        Span<float> alpha = [0];
        Span<float> sigma = [0];
        scheduler.AddNoise(call, [1], [0], alpha);
        scheduler.AddNoise(call, [0], [1], sigma);
        return (alpha[0], sigma[0]);
    }

    /// <summary>
    /// x₀ from x = α·x₀ + σ·ε. Where α² + σ² is not 1 (the coordinates of Karras et al.), v is that of the latents brought back to a
    /// deviation of 1.
    /// </summary>
    private static void Clean(
        PredictionType type, float alpha, float sigma, ReadOnlySpan<float> latents, ReadOnlySpan<float> prediction, Span<float> clean)
    {
        var square = type == PredictionType.V ? (alpha * alpha) + (sigma * sigma) : 1;
        var root = MathF.Sqrt(square);
        var weights = StableDiffusion.Prediction.Clean(type, alpha / root, sigma / root);
        TensorPrimitives.Multiply(latents, (float)weights.Latents / root, clean);
        TensorPrimitives.MultiplyAdd(prediction, (float)weights.Output, clean, clean);
    }
}
