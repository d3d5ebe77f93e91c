namespace StableDiffusion;

/// <summary>
/// Rounds matrices to 8 bits as ONNX Runtime's <c>MatMulNBits</c> reads them: along the inputs, every <see cref="BlockSize"/> weights of an output have a
/// scale of their own, so that the largest of them is 127; 128 stands for zero. (ONNX Runtime, ContribOperators.md.)
/// </summary>
internal static class BlockQuantization
{
    /// <summary>Weights with one scale.</summary>
    public const int BlockSize = 32;

    /// <summary>The largest number of steps from zero.</summary>
    public const int Steps = 127;

    /// <summary>What stands for zero.</summary>
    public const int Zero = 128;

    /// <summary>Blocks in a row of so many inputs; the last is filled with zeros.</summary>
    public static int BlocksOf(int inputs) => (inputs + BlockSize - 1) / BlockSize;

    /// <summary>Rounds a matrix.</summary>
    /// <param name="values">[outputs, inputs], or [inputs, outputs] where <paramref name="transposed"/>.</param>
    /// <param name="outputs">Rows of the weight.</param>
    /// <param name="inputs">Columns of the weight.</param>
    /// <param name="transposed">How the values lie.</param>
    /// <returns>Bytes [outputs, blocks, <see cref="BlockSize"/>] and scales [outputs, blocks].</returns>
    public static unsafe (byte[] Packed, float[] Scales) Pack(ReadOnlySpan<float> values, int outputs, int inputs, bool transposed)
    {
        var blocks = BlocksOf(inputs);
        var packed = new byte[(long)outputs * blocks * BlockSize];
        var scales = new float[outputs * blocks];
        var (outputStride, inputStride) = transposed ? (1L, (long)outputs) : (inputs, 1L);
        fixed (float* first = values)
        {
            var matrix = first;
            Parallel.For(0, blocks, block =>
            {
                var start = block * BlockSize;
                var count = Math.Min(BlockSize, inputs - start);
                for (var output = 0; output < outputs; output++)
                {
                    var from = matrix + (output * outputStride) + (start * inputStride);
                    var largest = 0f;
                    for (var i = 0; i < count; i++)
                    {
                        largest = MathF.Max(largest, MathF.Abs(from[i * inputStride]));
                    }

                    var place = ((long)output * blocks) + block;
                    scales[place] = largest / Steps;
                    var to = packed.AsSpan((int)(place * BlockSize), BlockSize);
                    to[count..].Fill(Zero);
                    var perStep = largest > 0 ? Steps / largest : 0;
                    for (var i = 0; i < count; i++)
                    {
                        to[i] = (byte)(Zero + (int)MathF.Round(from[i * inputStride] * perStep));
                    }
                }
            });
        }

        return (packed, scales);
    }
}
