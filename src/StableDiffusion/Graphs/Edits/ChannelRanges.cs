namespace StableDiffusion;

/// <summary>The least and the largest value that each channel of a tensor had, and how 8 bits hold them.</summary>
/// <param name="Low">The least of each channel.</param>
/// <param name="High">The largest of each channel.</param>
/// <remarks>A step of its own for each channel leaves all of them their levels where a few have large values; zero is one level for all, for QLinearConv knows but one.</remarks>
internal sealed record ChannelRanges(float[] Low, float[] High)
{
    private const int Levels = 255;

    // A channel that was hardly used while it was looked at may be used more.
    private const double MostTimes = 64;

    /// <summary>Whether there is anything that was seen.</summary>
    public bool IsKnown => Low.Zip(High, (low, high) => float.IsFinite(low) && float.IsFinite(high)).All(known => known);

    /// <summary>The level that stands for zero: the one that fits the whole tensor, so that no channel's step is larger than it would be for all.</summary>
    public byte Zero
    {
        get
        {
            var (low, high) = (Math.Min(Low.Min(), 0), Math.Max(High.Max(), 0));
            return high > low ? (byte)Math.Clamp(Math.Round(-low / (high - low) * Levels), low < 0 ? 1 : 0, high > 0 ? Levels - 1 : Levels) : (byte)0;
        }
    }

    /// <summary>What a level is worth in each channel.</summary>
    public float[] Steps
    {
        get
        {
            var zero = Zero;
            var needed = Low.Zip(High, (low, high) => Step(Math.Min(low, 0), Math.Max(high, 0), zero)).ToArray();
            var whole = needed.Max();
            return [.. needed.Select(step => whole > 0 ? (float)Math.Max(step, whole / MostTimes) : 1)];
        }
    }

    /// <summary>What a level is worth where it is to be the same in all channels.</summary>
    public float Widest => Steps.Max();

    /// <summary>Widens the ranges by what a call had.</summary>
    public void Add(ReadOnlySpan<float> low, ReadOnlySpan<float> high)
    {
        System.Numerics.Tensors.TensorPrimitives.Min(Low, low, Low);
        System.Numerics.Tensors.TensorPrimitives.Max(High, high, High);
    }

    /// <summary>The step with which both ends are within the levels.</summary>
    private static double Step(float low, float high, int zero) =>
        Math.Max(low < 0 ? -low / (double)zero : 0, high > 0 ? high / (double)(Levels - zero) : 0);
}
