using System.Runtime.Intrinsics;

namespace StableDiffusion;

/// <summary>
/// The Box-Muller transform (1958) in single precision, to the last bit as PyTorch computes it on processors with AVX2:
/// logarithm, sine and cosine by the polynomials of Moshier's Cephes library (logf.c, sinf.c), multiplications and additions
/// fused where GCC fuses them. The same on every processor, since nothing here is left to a maths library.
/// </summary>
internal static class BoxMuller
{
    /// <summary>How many values are transformed together: the first half becomes the cosines, the second the sines.</summary>
    public const int BlockSize = 16;

    private const float TwoPi = (float)(2 * Math.PI);

    private static readonly float[] _logarithm =
    [
        7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f,
        -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f,
    ];

    private static readonly float[] _sine = [-1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f];
    private static readonly float[] _cosine = [2.443315711809948e-5f, -1.388731625493765e-3f, 4.166664568298827e-2f];

    /// <summary>Turns 16 uniform values from [0, 1) into 16 of the standard normal distribution, in place.</summary>
    public static void Transform(Span<float> block)
    {
        var u1 = Vector256<float>.One - Vector256.Create<float>(block);
        var u2 = Vector256.Create<float>(block[Vector256<float>.Count..]);
        var radius = Vector256.Sqrt(Log(u1) * -2f);
        var (sin, cos) = SinCos(u2 * TwoPi);
        (radius * cos).CopyTo(block);
        (radius * sin).CopyTo(block[Vector256<float>.Count..]);
    }

    /// <summary>log x = e log 2 + log(1 + m), for x above 0; log 2 in two parts, so that e times the larger is exact.</summary>
    private static Vector256<float> Log(Vector256<float> x)
    {
        const float SqrtHalf = 0.707106781186547524f, Log2Large = 0.693359375f, Log2Small = -2.12194440e-4f;
        var one = Vector256<float>.One;

        // x = 2^e (1 + m), 1 + m from [sqrt(1/2), sqrt 2).
        var bits = x.AsInt32();
        var e = Vector256.ConvertToSingle((bits >>> 23) - Vector256.Create(0x7E));
        var fraction = ((bits & Vector256.Create(0x007FFFFF)) | Vector256.Create(0.5f).AsInt32()).AsSingle();
        var small = Vector256.LessThan(fraction, Vector256.Create(SqrtHalf));
        e -= one & small;
        var m = fraction - one + (fraction & small);

        var square = m * m;
        var y = Polynomial(_logarithm, m) * m;
        y = Vector256.FusedMultiplyAdd(y, square, e * Log2Small) - square * 0.5f;
        return Vector256.FusedMultiplyAdd(e, Vector256.Create(Log2Large), m + y);
    }

    /// <summary>Sine and cosine of angles from [0, 2 pi].</summary>
    private static (Vector256<float> Sin, Vector256<float> Cos) SinCos(Vector256<float> x)
    {
        const float FourOverPi = 1.27323954473516f;
        var two = Vector256.Create(2);
        var four = Vector256.Create(4);

        // The nearest even multiple j of pi/4 is taken off in three parts; j says which polynomial and which sign.
        var j = (Vector256.ConvertToInt32(x * FourOverPi) + Vector256<int>.One) & Vector256.Create(~1);
        var multiple = Vector256.ConvertToSingle(j);
        x = Vector256.FusedMultiplyAdd(multiple, Vector256.Create(-0.78515625f), x);
        x = Vector256.FusedMultiplyAdd(multiple, Vector256.Create(-2.4187564849853515625e-4f), x);
        x = Vector256.FusedMultiplyAdd(multiple, Vector256.Create(-3.77489497744594108e-8f), x);

        var square = x * x;
        var cosine = Vector256.FusedMultiplyAdd(Polynomial(_cosine, square) * square, square, square * -0.5f) + Vector256<float>.One;
        var sine = Vector256.FusedMultiplyAdd(Polynomial(_sine, square) * square, x, x);

        var straight = Vector256.Equals(j & two, Vector256<int>.Zero).AsSingle();
        var sinSign = ((j & four) << 29).AsSingle();
        var cosSign = ((~(j - two) & four) << 29).AsSingle();
        return (
            Vector256.ConditionalSelect(straight, sine, cosine) ^ sinSign,
            Vector256.ConditionalSelect(straight, cosine, sine) ^ cosSign);
    }

    private static Vector256<float> Polynomial(float[] coefficients, Vector256<float> x)
    {
        var y = Vector256.Create(coefficients[0]);
        for (var i = 1; i < coefficients.Length; i++)
        {
            y = Vector256.FusedMultiplyAdd(y, x, Vector256.Create(coefficients[i]));
        }

        return y;
    }
}
