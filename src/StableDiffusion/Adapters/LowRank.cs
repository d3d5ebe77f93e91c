using System.Numerics.Tensors;

namespace StableDiffusion;

/// <summary>A change of a weight as the product of two small matrices: up [out, rank] · down [rank, in · kernel].</summary>
/// <param name="Down">[rank, in, kernel height, kernel width], row-major.</param>
/// <param name="Up">[out, rank], row-major.</param>
/// <param name="Rank">The rank.</param>
internal sealed record LowRank(float[] Down, float[] Up, int Rank)
{
    /// <summary>Rows of the weight: the module's outputs.</summary>
    public int Outputs => Up.Length / Rank;

    /// <summary>Values of one row of the weight: the module's inputs times the kernel.</summary>
    public int RowLength => Down.Length / Rank;

    /// <summary>The same change, so many times as strong.</summary>
    public LowRank Scaled(float factor)
    {
        var up = new float[Up.Length];
        TensorPrimitives.Multiply(Up, factor, up);
        return this with { Up = up };
    }

    /// <summary>The change of some rows of the weight alone.</summary>
    public LowRank Rows(int first, int count) => count == Outputs ? this : this with { Up = Up[(first * Rank)..((first + count) * Rank)] };

    /// <summary>Both changes at once: their ranks side by side.</summary>
    public LowRank Plus(LowRank other)
    {
        var rank = Rank + other.Rank;
        var up = new float[Outputs * rank];
        for (var row = 0; row < Outputs; row++)
        {
            Up.AsSpan(row * Rank, Rank).CopyTo(up.AsSpan(row * rank));
            other.Up.AsSpan(row * other.Rank, other.Rank).CopyTo(up.AsSpan((row * rank) + Rank));
        }

        return new LowRank([.. Down, .. other.Down], up, rank);
    }

    /// <summary>Adds the product to a weight.</summary>
    /// <param name="weight">[out, in · kernel], or [in, out] where the export stores it transposed.</param>
    /// <param name="transposed">Whether it does.</param>
    public void AddTo(Span<float> weight, bool transposed)
    {
        var (left, right, rows, columns) = transposed
            ? (Transpose(Down, Rank, RowLength), Transpose(Up, Outputs, Rank), RowLength, Outputs)
            : (Up, Down, Outputs, RowLength);
        for (var row = 0; row < rows; row++)
        {
            var target = weight.Slice(row * columns, columns);
            for (var k = 0; k < Rank; k++)
            {
                TensorPrimitives.MultiplyAdd(right.AsSpan(k * columns, columns), left[(row * Rank) + k], target, target);
            }
        }
    }

    /// <summary>[rows, columns] as [columns, rows].</summary>
    public static float[] Transpose(ReadOnlySpan<float> values, int rows, int columns)
    {
        var transposed = new float[values.Length];
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                transposed[(column * rows) + row] = values[(row * columns) + column];
            }
        }

        return transposed;
    }
}
