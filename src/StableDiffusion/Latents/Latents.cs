namespace StableDiffusion;

/// <summary>Latents of one or more images [count, channels, height, width], row-major.</summary>
public sealed class Latents
{
    /// <param name="values">All values.</param>
    /// <param name="count">Images.</param>
    /// <param name="channels">Channels (4 for Stable Diffusion).</param>
    /// <param name="height">Height in latents: pixels divided by the model's factor.</param>
    /// <param name="width">Width in latents.</param>
    public Latents(float[] values, int count, int channels, int height, int width)
    {
        if ((long)count * channels * height * width != values.Length)
        {
            throw new ArgumentException(
                $"{values.Length} values do not make [{count}, {channels}, {height}, {width}].", nameof(values));
        }

        (Values, Count, Channels, Height, Width) = (values, count, channels, height, width);
    }

    /// <summary>All values, which are not copied: whoever changes them changes these latents.</summary>
    public float[] Values { get; }

    /// <summary>Images.</summary>
    public int Count { get; }

    /// <summary>Channels of one image.</summary>
    public int Channels { get; }

    /// <summary>Height in latents.</summary>
    public int Height { get; }

    /// <summary>Width in latents.</summary>
    public int Width { get; }

    /// <summary>Values of one image.</summary>
    public int ImageLength => Channels * Height * Width;

    /// <summary>The values of image <paramref name="index"/>.</summary>
    public Span<float> Image(int index) => Values.AsSpan(index * ImageLength, ImageLength);

    /// <summary>Other values of the same shape.</summary>
    internal Latents With(float[] values) => new(values, Count, Channels, Height, Width);

    /// <summary>One image alone.</summary>
    public Latents Extract(int index) => new(Image(index).ToArray(), 1, Channels, Height, Width);

    /// <summary>All images of several latents of one size.</summary>
    public static Latents Join(IReadOnlyList<Latents> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        var first = parts[0];
        return parts.Count == 1
            ? first
            : new([.. parts.SelectMany(part => part.Values)], parts.Sum(part => part.Count), first.Channels, first.Height, first.Width);
    }
}
