namespace StableDiffusion;

/// <summary>Rounds weights to 8 bits with one scale an output, so that the largest weight of each is 127; 0 stays 0. (ONNX, QuantizeLinear per axis.)</summary>
internal static class ChannelQuantization
{
    // The largest number of steps from zero.
    private const int Steps = 127;

    /// <summary>Rounds a matrix, or a kernel of which <paramref name="inputs"/> is all but its first dimension.</summary>
    /// <param name="values">[outputs, inputs], or [inputs, outputs] where <paramref name="transposed"/>.</param>
    /// <param name="outputs">Outputs.</param>
    /// <param name="inputs">Weights of an output.</param>
    /// <param name="transposed">How the values lie.</param>
    /// <param name="byInput">Whether the result is to lie as [inputs, outputs].</param>
    /// <param name="least">The least scale of each output; empty for any.</param>
    /// <returns>The rounded weights, and the scales [outputs].</returns>
    public static (sbyte[] Packed, float[] Scales) Pack(ReadOnlySpan<float> values, int outputs, int inputs, bool transposed, bool byInput, ReadOnlySpan<float> least = default)
    {
        var (packed, scales) = (new sbyte[values.Length], new float[outputs]);
        var (outputStride, inputStride) = transposed ? (1, outputs) : (inputs, 1);
        for (var output = 0; output < outputs; output++)
        {
            var largest = 0f;
            for (var i = 0; i < inputs; i++)
            {
                largest = MathF.Max(largest, MathF.Abs(values[(output * outputStride) + (i * inputStride)]));
            }

            scales[output] = largest > 0 ? MathF.Max(largest / Steps, least.IsEmpty ? 0 : least[output]) : 1;
            var perStep = 1 / scales[output];
            for (var i = 0; i < inputs; i++)
            {
                packed[byInput ? (i * outputs) + output : (output * inputs) + i] =
                    (sbyte)Math.Clamp(MathF.Round(values[(output * outputStride) + (i * inputStride)] * perStep), -Steps, Steps);
            }
        }

        return (packed, scales);
    }
}
