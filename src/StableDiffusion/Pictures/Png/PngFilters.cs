using System.Numerics;

namespace StableDiffusion;

/// <summary>The five PNG row filters (PNG specification, section 9) in the writing direction, over whole vectors.</summary>
internal static class PngFilters
{
    public const int Count = 5;

    /// <summary>
    /// Writes the residuals of one row and returns the sum of their absolute values as signed bytes, the measure by which the specification
    /// (section 12.7) advises to choose a filter.
    /// </summary>
    /// <param name="filter">0 none, 1 sub, 2 up, 3 average, 4 Paeth.</param>
    /// <param name="row">The row, led by <paramref name="step"/> zero bytes.</param>
    /// <param name="above">The row above in the same form, all zero for the first row.</param>
    /// <param name="step">Bytes of one pixel.</param>
    /// <param name="residuals">As long as the row without its lead.</param>
    public static long Apply(int filter, ReadOnlySpan<byte> row, ReadOnlySpan<byte> above, int step, Span<byte> residuals)
    {
        var x = row[step..];
        var a = row[..^step];    // left
        var b = above[step..];   // above
        var c = above[..^step];  // above left
        var sum = 0L;
        var i = 0;
        for (; i <= residuals.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            var residual = new Vector<byte>(x[i..]) - Predict(filter, new Vector<byte>(a[i..]), new Vector<byte>(b[i..]), new Vector<byte>(c[i..]));
            residual.CopyTo(residuals[i..]);
            Vector.Widen(Vector.Min(residual, Vector<byte>.Zero - residual), out var low, out var high);
            sum += Vector.Sum(low + high);
        }

        for (; i < residuals.Length; i++)
        {
            var residual = (byte)(x[i] - Predict(filter, a[i], b[i], c[i]));
            residuals[i] = residual;
            sum += Math.Abs((int)(sbyte)residual);
        }

        return sum;
    }

    /// <summary>What the filter expects of one byte from its neighbours; the reader adds this back.</summary>
    public static byte Predict(int filter, byte a, byte b, byte c) => filter switch
    {
        1 => a,
        2 => b,
        3 => (byte)((a + b) >> 1),
        4 => Paeth(a, b, c),
        _ => 0,
    };

    private static Vector<byte> Predict(int filter, Vector<byte> a, Vector<byte> b, Vector<byte> c) => filter switch
    {
        1 => a,
        2 => b,
        3 => (a & b) + Vector.ShiftRightLogical(a ^ b, 1),
        4 => Paeth(a, b, c),
        _ => Vector<byte>.Zero,
    };

    private static byte Paeth(int a, int b, int c)
    {
        var pa = Math.Abs(b - c);
        var pb = Math.Abs(a - c);
        var pc = Math.Abs(a + b - (2 * c));
        return (byte)(pa <= pb && pa <= pc ? a : pb <= pc ? b : c);
    }

    // Bytes suffice: where b - c and a - c have the same sign, pc = pa + pb is never the smallest, so any large value stands for it.
    private static Vector<byte> Paeth(Vector<byte> a, Vector<byte> b, Vector<byte> c)
    {
        var pa = Vector.Max(b, c) - Vector.Min(b, c);
        var pb = Vector.Max(a, c) - Vector.Min(a, c);
        var sameSign = ~(Vector.GreaterThanOrEqual(a, c) ^ Vector.GreaterThanOrEqual(b, c));
        var pc = (Vector.Max(pa, pb) - Vector.Min(pa, pb)) | sameSign;
        var bOrC = Vector.ConditionalSelect(Vector.LessThanOrEqual(pb, pc), b, c);
        return Vector.ConditionalSelect(Vector.LessThanOrEqual(pa, pb) & Vector.LessThanOrEqual(pa, pc), a, bOrC);
    }
}
