namespace StableDiffusion;

/// <summary>A generator of its own for each image of a batch, so that each gets the noise it has when painted alone.</summary>
internal sealed class SeparateNoise(IReadOnlyList<INoiseSource> sources) : INoiseSource
{
    /// <summary>Fills a tensor [sources, …], each part from its own source.</summary>
    public void Draw(Span<float> noise)
    {
        var each = noise.Length / sources.Count;
        for (var i = 0; i < sources.Count; i++)
        {
            sources[i].Draw(noise.Slice(i * each, each));
        }
    }
}
