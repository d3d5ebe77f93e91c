namespace StableDiffusion;

/// <summary>A seeded stream of Gaussian noise. Whoever holds it draws in the order diffusers draws.</summary>
public interface INoiseSource
{
    /// <summary>
    /// Fills <paramref name="noise"/> with the next values of the standard normal distribution, as one
    /// <c>torch.randn</c> of that many elements: two draws of 8 are not the same as one draw of 16.
    /// </summary>
    /// <param name="noise">A whole tensor [images, channels, height, width], row-major.</param>
    void Draw(Span<float> noise);
}
