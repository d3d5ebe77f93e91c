namespace StableDiffusion;

/// <summary>Zeros: a picture encoded with it becomes the mean of what the encoder sees in it.</summary>
internal sealed class NoNoise : INoiseSource
{
    public void Draw(Span<float> noise) => noise.Clear();
}
