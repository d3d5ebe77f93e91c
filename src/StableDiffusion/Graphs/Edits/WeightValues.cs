using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace StableDiffusion;

/// <summary>Weights in the types that exports keep them in: float32, float16 and bfloat16.</summary>
internal static class WeightValues
{
    /// <summary>Weights of a floating type as float32; those of float32 are the bytes themselves.</summary>
    public static Span<float> ToFloats(byte[] bytes, OnnxElementType type)
    {
        if (type == OnnxElementType.Float)
        {
            return MemoryMarshal.Cast<byte, float>(bytes.AsSpan());
        }

        var values = new float[bytes.Length / 2];
        if (type == OnnxElementType.Float16)
        {
            TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(bytes), values);
        }
        else
        {
            var bits = MemoryMarshal.Cast<byte, ushort>(bytes);
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = BitConverter.UInt32BitsToSingle((uint)bits[i] << 16);
            }
        }

        return values;
    }

    /// <summary>float32 as the bytes of another floating type.</summary>
    public static ReadOnlySpan<byte> FromFloats(ReadOnlySpan<float> values, OnnxElementType type)
    {
        if (type == OnnxElementType.Float)
        {
            return MemoryMarshal.AsBytes(values);
        }

        var halves = new Half[values.Length];
        if (type == OnnxElementType.Float16)
        {
            TensorPrimitives.ConvertToHalf(values, halves);
        }
        else
        {
            var bits = MemoryMarshal.Cast<Half, ushort>(halves.AsSpan());
            for (var i = 0; i < values.Length; i++)
            {
                // Rounded to the nearest, ties to even: half of the last place that stays, less one where that place is even.
                var single = BitConverter.SingleToUInt32Bits(values[i]);
                bits[i] = (ushort)((single + 0x7FFF + ((single >> 16) & 1)) >> 16);
            }
        }

        return MemoryMarshal.AsBytes(halves.AsSpan());
    }
}
