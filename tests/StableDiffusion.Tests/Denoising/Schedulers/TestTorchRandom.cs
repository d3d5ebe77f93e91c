namespace StableDiffusion.Tests;

/// <summary>torch.randn of a CPU generator for tensors of a multiple of 16 values.</summary>
internal sealed class TestTorchRandom : INoiseSource
{
    private readonly uint[] _state = new uint[624];
    private int _next = 624;

    public TestTorchRandom(ulong seed)
    {
        _state[0] = (uint)seed;
        for (var i = 1; i < _state.Length; i++)
        {
            _state[i] = (1812433253u * (_state[i - 1] ^ (_state[i - 1] >> 30))) + (uint)i;
        }
    }

    public void Draw(Span<float> noise)
    {
        if (noise.Length < 16 || noise.Length % 16 != 0)
        {
            throw new ArgumentException("Only multiples of 16 values.", nameof(noise));
        }

        for (var i = 0; i < noise.Length; i++)
        {
            noise[i] = (Next() & 0xFFFFFF) / (float)(1 << 24);
        }

        for (var block = 0; block < noise.Length; block += 16)
        {
            for (var j = block; j < block + 8; j++)
            {
                var r = Math.Sqrt(-2 * Math.Log(1 - noise[j]));
                double theta = 2 * MathF.PI * noise[j + 8];
                (noise[j], noise[j + 8]) = ((float)(r * Math.Cos(theta)), (float)(r * Math.Sin(theta)));
            }
        }
    }

    private uint Next()
    {
        if (_next == 624)
        {
            for (var i = 0; i < 624; i++)
            {
                var y = (_state[i] & 0x80000000) | (_state[(i + 1) % 624] & 0x7fffffff);
                _state[i] = _state[(i + 397) % 624] ^ (y >> 1) ^ ((y & 1) * 0x9908b0df);
            }

            _next = 0;
        }

        var value = _state[_next++];
        value ^= value >> 11;
        value ^= (value << 7) & 0x9d2c5680;
        value ^= (value << 15) & 0xefc60000;
        return value ^ (value >> 18);
    }
}
