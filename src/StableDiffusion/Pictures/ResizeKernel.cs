namespace StableDiffusion;

/// <summary>For each pixel of one output axis: the input pixels that make it and their weights in fixed point.</summary>
internal sealed class ResizeKernel
{
    /// <summary>Fractional bits of a weight: 8 bits are the pixel's, 2 are left for the sums of a kernel with negative parts.</summary>
    public const int FractionBits = 32 - 8 - 2;

    private readonly int[] _weights; // [outputs, taps]
    private readonly int _taps;
    private readonly (int First, int Count)[] _inputs;

    /// <summary>Stretches the inputs from <paramref name="from"/> to <paramref name="to"/>, edges counted in pixels, over the outputs.</summary>
    public ResizeKernel(ResizeFilter filter, int inputs, float from, float to, int outputs)
    {
        var scale = (double)(to - from) / outputs;
        var stretch = Math.Max(scale, 1.0);
        var support = Support(filter) * stretch;
        _taps = ((int)Math.Ceiling(support) * 2) + 1;
        _weights = new int[checked(outputs * _taps)];
        _inputs = new (int, int)[outputs];

        var exact = new double[_taps];
        for (var i = 0; i < outputs; i++)
        {
            var center = from + ((i + 0.5) * scale);
            var first = Math.Max(0, (int)(center - support + 0.5));
            var count = Math.Min(inputs, (int)(center + support + 0.5)) - first;
            var sum = 0.0;
            for (var tap = 0; tap < count; tap++)
            {
                exact[tap] = Weight(filter, (tap + first - center + 0.5) * (1.0 / stretch));
                sum += exact[tap];
            }

            for (var tap = 0; tap < count; tap++)
            {
                var weight = (sum == 0 ? exact[tap] : exact[tap] / sum) * (1 << FractionBits);
                _weights[(i * _taps) + tap] = (int)(weight + (weight < 0 ? -0.5 : 0.5));
            }

            _inputs[i] = (first, count);
        }
    }

    public int Outputs => _inputs.Length;

    /// <summary>The first input pixel that any output needs.</summary>
    public int FirstInput => _inputs[0].First;

    /// <summary>One more than the last input pixel that any output needs.</summary>
    public int EndInput => _inputs[^1].First + _inputs[^1].Count;

    /// <summary>The weights of one output, and the input pixel of the first.</summary>
    public ReadOnlySpan<int> Weights(int output, out int first)
    {
        (first, var count) = _inputs[output];
        return _weights.AsSpan(output * _taps, count);
    }

    private static double Support(ResizeFilter filter) => filter switch
    {
        ResizeFilter.Bilinear => 1,
        ResizeFilter.Bicubic => 2,
        ResizeFilter.Lanczos => 3,
        _ => throw new ArgumentOutOfRangeException(nameof(filter), filter, "There is no such filter."),
    };

    private static double Weight(ResizeFilter filter, double x)
    {
        const double A = -0.5;
        var distance = Math.Abs(x);
        return filter switch
        {
            ResizeFilter.Bilinear => Math.Max(0, 1 - distance),
            ResizeFilter.Bicubic when distance < 1 => ((((A + 2) * distance) - (A + 3)) * distance * distance) + 1,
            ResizeFilter.Bicubic when distance < 2 => ((((distance - 5) * distance) + 8) * distance - 4) * A,
            ResizeFilter.Lanczos when x is >= -3 and < 3 => Sinc(x) * Sinc(x / 3),
            _ => 0,
        };
    }

    private static double Sinc(double x) => x == 0 ? 1 : Math.Sin(x * Math.PI) / (x * Math.PI);
}
