namespace StableDiffusion;

/// <summary>
/// The noise of <c>torch.randn(..., generator=torch.Generator("cpu").manual_seed(seed))</c> in float32: a Mersenne Twister
/// (Matsumoto and Nishimura, 1998) and the Box-Muller transform, in the order in which PyTorch takes the numbers
/// (aten/src/ATen/native/cpu/DistributionTemplates.h). Values agree within 1e-6. Not safe for several threads at once.
/// </summary>
/// <param name="seed">Any number; PyTorch's generator uses its low 32 bits alone.</param>
public sealed class TorchRandom(long seed) : INoiseSource
{
    private const int BlockSize = 16;
    private const float TwoPi = (float)(2 * Math.PI);

    private readonly MersenneTwister _twister = new(unchecked((uint)seed));

    /// <summary>The sine half of a pair that a short draw left over; the generator keeps it for the next short draw.</summary>
    private double? _spare;

    /// <inheritdoc />
    public void Draw(Span<float> noise)
    {
        if (noise.Length < BlockSize)
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
        for (var start = 0; start <= noise.Length - BlockSize; start += BlockSize)
        {
            BoxMuller(noise.Slice(start, BlockSize));
        }

        if (noise.Length % BlockSize != 0)
        {
            var tail = noise[^BlockSize..];
            FillUniform(tail);
            BoxMuller(tail);
        }
    }

    private void FillUniform(Span<float> values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (_twister.Next() & 0xFFFFFF) * (1f / (1 << 24));
        }
    }

    private static void BoxMuller(Span<float> block)
    {
        for (var i = 0; i < BlockSize / 2; i++)
        {
            // The angle is rounded to float before the sine, as PyTorch does: the noise would differ by 1e-6 otherwise.
            var u1 = 1 - block[i];
            var radius = MathF.Sqrt(-2 * (float)Math.Log(u1));
            var (sin, cos) = Math.SinCos(TwoPi * block[i + BlockSize / 2]);
            block[i] = radius * (float)cos;
            block[i + BlockSize / 2] = radius * (float)sin;
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
