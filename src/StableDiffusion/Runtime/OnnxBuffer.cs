using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace StableDiffusion;

/// <summary>
/// One input or output tensor in the element type the session asks for, filled and read again for every run. ONNX Runtime works on
/// this memory itself; nothing is copied but where float16 or integers stand for our float32.
/// </summary>
internal sealed class OnnxBuffer : IDisposable
{
    private readonly Array _memory;
    private readonly float[] _floats;

    public OnnxBuffer(string name, TensorElementType type, ReadOnlySpan<long> shape)
    {
        Name = name;
        Type = type;
        Shape = shape.ToArray();
        var length = checked((int)Shape.Aggregate(1L, (length, size) => length * size));
        (_memory, Value) = type switch
        {
            TensorElementType.Float => Allocate<float>(length),
            TensorElementType.Float16 => Allocate<Float16>(length),
            TensorElementType.Double => Allocate<double>(length),
            TensorElementType.Int64 => Allocate<long>(length),
            TensorElementType.Int32 => Allocate<int>(length),
            _ => throw new ModelException($"Input or output '{name}' has the element type {type}, which this program does not feed."),
        };
        _floats = _memory as float[] ?? new float[length];
    }

    public string Name { get; }

    public TensorElementType Type { get; }

    public long[] Shape { get; }

    public OrtValue Value { get; }

    /// <summary>The values as float32. Written here they reach the network with <see cref="Upload"/>.</summary>
    public Span<float> Floats => _floats;

    /// <summary>Hands what <see cref="Floats"/> holds to the network; costs nothing for float32.</summary>
    public void Upload()
    {
        switch (_memory)
        {
            case Float16[] halves:
                TensorPrimitives.ConvertToHalf(_floats, MemoryMarshal.Cast<Float16, Half>(halves.AsSpan()));
                break;
            case double[] doubles:
                TensorPrimitives.ConvertChecked<float, double>(_floats, doubles);
                break;
            case long[] longs:
                TensorPrimitives.Round<float>(_floats, _floats);
                TensorPrimitives.ConvertTruncating<float, long>(_floats, longs);
                break;
            case int[] ints:
                TensorPrimitives.Round<float>(_floats, _floats);
                TensorPrimitives.ConvertTruncating<float, int>(_floats, ints);
                break;
            default:
                break;
        }
    }

    /// <summary>Brings what the network wrote into <see cref="Floats"/>; costs nothing for float32.</summary>
    public ReadOnlySpan<float> Download()
    {
        if (_memory is Float16[] halves)
        {
            TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<Float16, Half>(halves), _floats);
        }
        else if (_memory is double[] doubles)
        {
            TensorPrimitives.ConvertTruncating<double, float>(doubles, _floats);
        }

        return _floats;
    }

    /// <summary>Brings what a network gave of this shape into <see cref="Floats"/>.</summary>
    public void Take(OrtValue value) => OnnxModel.ToFloats(value).Values.CopyTo(_floats, 0);

    /// <summary>Fills an integer input with token ids.</summary>
    public void WriteIds(ReadOnlySpan<int> ids)
    {
        switch (_memory)
        {
            case long[] longs:
                TensorPrimitives.ConvertChecked<int, long>(ids, longs);
                break;
            case int[] ints:
                ids.CopyTo(ints);
                break;
            default:
                throw new ModelException($"Input '{Name}' takes no integers, so it cannot take token ids.");
        }
    }

    public void Dispose() => Value.Dispose();

    /// <summary>float16 as float32.</summary>
    internal static float[] ToSingles(ReadOnlySpan<Float16> halves)
    {
        var singles = new float[halves.Length];
        TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<Float16, Half>(halves), singles);
        return singles;
    }

    private (Array, OrtValue) Allocate<T>(int length)
        where T : unmanaged
    {
        var memory = new T[length];
        return (memory, OrtValue.CreateTensorValueFromMemory(memory, Shape));
    }
}
