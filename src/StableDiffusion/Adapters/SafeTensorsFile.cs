using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace StableDiffusion;

/// <summary>
/// A .safetensors file: its header is read and checked when it is opened, values only when they are asked for. The format: eight bytes that
/// say how long the header is, a JSON object with each tensor's type, shape and place, then the values (huggingface/safetensors, README.md).
/// </summary>
internal sealed class SafeTensorsFile
{
    private const string MetadataKey = "__metadata__";
    private const int LengthBytes = sizeof(ulong);

    /// <summary>The limit of the format's own reader.</summary>
    private const int LongestHeader = 100_000_000;

    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);
    private readonly long _dataStart;

    private SafeTensorsFile(string path, byte[] header, long dataLength)
    {
        Path = path;
        _dataStart = LengthBytes + header.Length;
        try
        {
            using var json = JsonDocument.Parse(header);
            if (json.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw Damaged("its header is no JSON object");
            }

            foreach (var member in json.RootElement.EnumerateObject())
            {
                ReadMember(member, dataLength);
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw Damaged($"its header is not the JSON that it should be: {OneLine.Reason(error.Message)}", error);
        }
    }

    public string Path { get; }

    /// <summary>The tensors' names in the order of the header.</summary>
    public IReadOnlyCollection<string> Names => _entries.Keys;

    /// <summary>Texts that the writer added; empty for many files.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    /// <summary>Opens a file and checks that every tensor lies inside it.</summary>
    /// <exception cref="RequestException">It is missing, unreadable or no whole .safetensors file.</exception>
    public static SafeTensorsFile Open(string path) => Guard(path, () =>
    {
        using var file = File.OpenHandle(path);
        var length = RandomAccess.GetLength(file);
        Span<byte> prefix = stackalloc byte[LengthBytes];
        if (length < LengthBytes || RandomAccess.Read(file, prefix, 0) < LengthBytes)
        {
            throw new RequestException($"{OneLine.Quote(path)} is no .safetensors file: it is too short.");
        }

        var headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > LongestHeader || headerLength > (ulong)(length - LengthBytes))
        {
            throw new RequestException(
                $"{OneLine.Quote(path)} is no .safetensors file, or only a part of one (a .ckpt or .pt must be converted first).");
        }

        var header = new byte[(int)headerLength];
        ReadExactly(file, header, LengthBytes, path);
        return new SafeTensorsFile(path, header, length - LengthBytes - header.Length);
    });

    /// <summary>The shape of a tensor; empty for a single number.</summary>
    public IReadOnlyList<int> ShapeOf(string name) => _entries[name].Shape;

    /// <summary>The values of a tensor as float32, row-major.</summary>
    /// <exception cref="RequestException">They cannot be read, are of a type that stands for no weights, or are not finite.</exception>
    public float[] ReadFloats(string name)
    {
        var entry = _entries[name];
        var bytes = new byte[entry.Length];
        Guard(Path, () =>
        {
            using var file = File.OpenHandle(Path);
            ReadExactly(file, bytes, _dataStart + entry.Offset, Path);
            return true;
        });
        var values = ToFloats(entry.Type, bytes) ?? throw Damaged($"'{name}' is of the type {entry.Type}, which this program does not read as numbers");
        return TensorPrimitives.IsFiniteAll<float>(values) ? values : throw Damaged($"'{name}' holds numbers that are not finite (NaN or infinite)");
    }

    private static float[]? ToFloats(string type, byte[] bytes)
    {
        switch (type)
        {
            case "F32":
                return MemoryMarshal.Cast<byte, float>(bytes).ToArray();
            case "F16":
                var singles = new float[bytes.Length / 2];
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(bytes), singles);
                return singles;
            case "BF16":
                return Array.ConvertAll(MemoryMarshal.Cast<byte, ushort>(bytes).ToArray(), bits => BitConverter.UInt32BitsToSingle((uint)bits << 16));
            case "F64":
                return Array.ConvertAll(MemoryMarshal.Cast<byte, double>(bytes).ToArray(), value => (float)value);
            case "I64":
                return Array.ConvertAll(MemoryMarshal.Cast<byte, long>(bytes).ToArray(), value => (float)value);
            case "I32":
                return Array.ConvertAll(MemoryMarshal.Cast<byte, int>(bytes).ToArray(), value => (float)value);
            default:
                return null;
        }
    }

    /// <summary>Bits of one value; 0 for a type that is not known, whose length cannot be checked.</summary>
    private static int BitsOf(string type) => type switch
    {
        "F64" or "I64" or "U64" => 64,
        "F32" or "I32" or "U32" => 32,
        "F16" or "BF16" or "I16" or "U16" => 16,
        "I8" or "U8" or "BOOL" or "F8_E4M3" or "F8_E5M2" => 8,
        _ => 0,
    };

    private void ReadMember(JsonProperty member, long dataLength)
    {
        if (member.Name == MetadataKey)
        {
            foreach (var text in member.Value.EnumerateObject())
            {
                _metadata[text.Name] = text.Value.ToString();
            }

            return;
        }

        var type = member.Value.GetProperty("dtype").GetString() ?? "";
        int[] shape = [.. member.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt32())];
        long[] place = [.. member.Value.GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt64())];
        if (place is not [var begin, var end] || begin < 0 || end < begin || end > dataLength)
        {
            throw Damaged($"'{member.Name}' does not lie inside it (a download that broke off?)");
        }

        if (end - begin > Array.MaxLength || Array.Exists(shape, size => size < 0) || Disagree(shape, BitsOf(type), end - begin))
        {
            throw Damaged($"the shape [{string.Join(", ", shape)}] of '{member.Name}' does not agree with its {end - begin} bytes");
        }

        if (!_entries.TryAdd(member.Name, new Entry(type, shape, begin, (int)(end - begin))))
        {
            throw Damaged($"it holds '{member.Name}' twice");
        }
    }

    private static bool Disagree(int[] shape, int bits, long bytes)
    {
        var values = shape.Aggregate((Int128)1, (count, size) => Int128.Min(count * size, long.MaxValue));
        return bits > 0 && values * bits != (Int128)bytes * 8;
    }

    private static void ReadExactly(SafeFileHandle file, Span<byte> bytes, long offset, string path)
    {
        while (bytes.Length > 0)
        {
            var read = RandomAccess.Read(file, bytes, offset);
            if (read == 0)
            {
                throw new RequestException($"{OneLine.Quote(path)} ends early; download it again.");
            }

            bytes = bytes[read..];
            offset += read;
        }
    }

    private static T Guard<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new RequestException(
                Directory.Exists(path) ? $"{OneLine.Quote(path)} is a folder; give a .safetensors file."
                : File.Exists(path) ? $"{OneLine.Quote(path)} cannot be read: {OneLine.Of(error.Message)}"
                : $"there is no file {OneLine.Quote(path)}.",
                error);
        }
    }

    private RequestException Damaged(string what, Exception? inner = null) =>
        new($"{OneLine.Quote(Path)} is no whole .safetensors file: {OneLine.Of(what)}.", inner!);

    private sealed record Entry(string Type, int[] Shape, long Offset, int Length);
}
