namespace StableDiffusion;

/// <summary>
/// The noise that AUTOMATIC1111's webui draws with "RNG: NV" (modules/rng_philox.py): Philox4x32-10 (Salmon et al., 2011,
/// "Parallel random numbers: as easy as 1, 2, 3") and one half of Box-Muller, which is what a CUDA card draws for small tensors.
/// Not safe for several threads at once.
/// </summary>
/// <param name="seed">All 64 bits count.</param>
internal sealed class PhiloxRandom(long seed) : INoiseSource
{
    private const int Rounds = 10;

    // Single precision on purpose: the original multiplies by these rounded constants.
    private const float TwoPow32Inverse = 2.3283064e-10f;
    private const float TwoPow32InverseTimesTwoPi = (float)(2.3283064e-10 * 6.2831855);

    private uint _offset;

    /// <inheritdoc />
    public void Draw(Span<float> noise)
    {
        for (var i = 0; i < noise.Length; i++)
        {
            var (x, y) = Philox(_offset, (uint)i);
            var u = x * (double)TwoPow32Inverse + TwoPow32Inverse / 2;
            var v = y * (double)TwoPow32InverseTimesTwoPi + TwoPow32InverseTimesTwoPi / 2;
            noise[i] = (float)(Math.Sqrt(-2 * Math.Log(u)) * Math.Sin(v));
        }

        _offset++;
    }

    /// <summary>The first two of the four words that Philox makes of the counter (draw, 0, element, 0).</summary>
    private (uint First, uint Second) Philox(uint draw, uint element)
    {
        var (c0, c1, c2, c3) = (draw, 0u, element, 0u);
        var (key0, key1) = unchecked(((uint)seed, (uint)(seed >> 32)));
        for (var round = 0; round < Rounds; round++)
        {
            var product0 = c0 * 0xD2511F53UL;
            var product1 = c2 * 0xCD9E8D57UL;
            (c0, c1, c2, c3) = (
                (uint)(product1 >> 32) ^ c1 ^ key0,
                (uint)product1,
                (uint)(product0 >> 32) ^ c3 ^ key1,
                (uint)product0);
            key0 += 0x9E3779B9;
            key1 += 0xBB67AE85;
        }

        return (c0, c1);
    }
}
