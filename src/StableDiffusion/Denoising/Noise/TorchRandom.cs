namespace StableDiffusion;

/// <summary>
/// The noise of <c>torch.randn(..., generator=torch.Generator("cpu").manual_seed(seed))</c> in float32: a Mersenne Twister
/// (Matsumoto and Nishimura, 1998) and the Box-Muller transform, in the order in which PyTorch takes the numbers
/// (aten/src/ATen/native/cpu/DistributionTemplates.h). Draws of 16 and more agree with a PyTorch that uses AVX2 bit for bit.
/// Not safe for several threads at once.
/// </summary>
/// <param name="seed">Any number; PyTorch's generator uses its low 32 bits alone.</param>
internal sealed class TorchRandom(long seed) : INoiseSource
{
    private readonly MersenneTwister _twister = new(unchecked((uint)seed));

    /// <summary>The sine half of a pair that a short draw left over; the generator keeps it for the next short draw.</summary>
    private double? _spare;

    /// <inheritdoc />
    public void Draw(Span<float> noise)
    {
        if (noise.Length < BoxMuller.BlockSize)
        {
            DrawShort(noise);
        }
        else
        {
            DrawBlocks(noise);
        }
    }

    private void DrawBlocks(Span<float> noise)
    {
        FillUniform(noise);
        for (var start = 0; start <= noise.Length - BoxMuller.BlockSize; start += BoxMuller.BlockSize)
        {
            BoxMuller.Transform(noise.Slice(start, BoxMuller.BlockSize));
        }

        if (noise.Length % BoxMuller.BlockSize != 0)
        {
            var tail = noise[^BoxMuller.BlockSize..];
            FillUniform(tail);
            BoxMuller.Transform(tail);
        }
    }

    private void FillUniform(Span<float> values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (_twister.Next() & 0xFFFFFF) * (1f / (1 << 24));
        }
    }

    private void DrawShort(Span<float> noise)
    {
        for (var i = 0; i < noise.Length; i++)
        {
            noise[i] = (float)NextNormal();
        }
    }

    private double NextNormal()
    {
        if (_spare is { } spare)
        {
            _spare = null;
            return spare;
        }

        var u1 = NextDouble();
        var u2 = NextDouble();
        var radius = Math.Sqrt(-2 * double.LogP1(-u2));
        var (sin, cos) = Math.SinCos(2 * Math.PI * u1);
        _spare = radius * sin;
        return radius * cos;
    }

    private double NextDouble()
    {
        var high = (ulong)_twister.Next();
        var bits = (high << 32) | _twister.Next();
        return (bits & ((1UL << 53) - 1)) * (1.0 / (1L << 53));
    }
}
