using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace StableDiffusion;

/// <summary>Reads and writes NumPy's .npy files of floating-point numbers (numpy.lib.format, versions 1.0 to 3.0).</summary>
internal static class NpyFile
{
    private const long LargestFile = 1L << 30;

    // numpy.lib.format: data start at a multiple of 64; the header leaves room for a first dimension of 21 digits.
    private const int Alignment = 64;
    private const int FirstDimensionRoom = 21;

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>
    /// Reads float16, float32 or float64, little or big endian, in C or Fortran order, as float32 in C order.
    /// </summary>
    /// <exception cref="RequestException">The file is missing, unreadable, no .npy file, cut short or of another type.</exception>
    public static NpyArray Read(string path) => Read(InputFile.ReadAllBytes(path, ".npy file", LargestFile), path);

    /// <summary>Writes float32 in C order, byte for byte as <c>numpy.save</c> does.</summary>
    /// <param name="stream">Where the file goes; left open.</param>
    /// <param name="shape">The length of each dimension, outermost first.</param>
    /// <param name="values">As many elements as the shape says, row-major.</param>
    public static void Write(Stream stream, ReadOnlySpan<int> shape, ReadOnlySpan<float> values)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var count = 1L;
        foreach (var length in shape)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(length, nameof(shape));
            count = checked(count * length);
        }

        if (count != values.Length)
        {
            throw new ArgumentException($"The shape takes {count} values, not {values.Length}.", nameof(values));
        }

        WriteHeader(stream, shape);
        if (BitConverter.IsLittleEndian)
        {
            WriteAll(stream, MemoryMarshal.AsBytes(values));
            return;
        }

        Span<byte> bytes = stackalloc byte[4];
        foreach (var value in values)
        {
            BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
            stream.Write(bytes);
        }
    }

    /// <summary>Reads the file's bytes; <paramref name="name"/> is what messages call it.</summary>
    internal static NpyArray Read(ReadOnlySpan<byte> file, string name)
    {
        if (!file.StartsWith(Magic))
        {
            throw Wrong(name, "is not a .npy file: it does not start with \\x93NUMPY; save it with numpy.save.");
        }

        if (file.Length < 12)
        {
            throw Wrong(name, "is cut short within its header; save it again.");
        }

        var (start, length) = file[6] switch
        {
            1 => (10, BinaryPrimitives.ReadUInt16LittleEndian(file[8..])),
            2 or 3 => (12, BinaryPrimitives.ReadUInt32LittleEndian(file[8..])),
            var version => throw Wrong(name, $"has .npy version {version}, and versions 1 to 3 are known; save it with numpy.save."),
        };
        if (length > file.Length - start)
        {
            throw Wrong(name, "is cut short within its header; save it again.");
        }

        var encoding = file[6] == 3 ? Encoding.UTF8 : Encoding.Latin1;
        if (!NpyHeader.TryParse(encoding.GetString(file.Slice(start, (int)length)), out var header))
        {
            throw Wrong(name, "has a .npy header that cannot be understood (records are not supported); save one plain array with numpy.save.");
        }

        return Values(file[(start + (int)length)..], header, name);
    }

    private static NpyArray Values(ReadOnlySpan<byte> data, NpyHeader header, string name)
    {
        var size = header.Type switch
        {
            "<f2" or ">f2" => 2,
            "<f4" or ">f4" => 4,
            "<f8" or ">f8" => 8,
            _ => throw Wrong(name, $"holds numbers of type {OneLine.Quote(header.Type)}, and floating point is needed; save it as array.astype('float32')."),
        };

        var count = 1L;
        foreach (var dimension in header.Shape)
        {
            count = count == 0 || dimension <= long.MaxValue / count / size ? count * dimension : long.MaxValue / size;
        }

        if (count * size != data.Length || count > Array.MaxLength || header.Shape.Any(static dimension => dimension > int.MaxValue))
        {
            var shape = string.Join(", ", header.Shape);
            throw Wrong(name, $"holds {data.Length} bytes of numbers where its shape ({shape}) of {header.Type} takes {count * size}; save it again.");
        }

        var values = new float[count];
        Convert(data, header.Type, values);
        int[] dimensions = [.. header.Shape.Select(static dimension => (int)dimension)];
        return new NpyArray(dimensions, header.FortranOrder ? ToRowMajor(values, dimensions) : values);
    }

    private static void Convert(ReadOnlySpan<byte> data, string type, Span<float> values)
    {
        var big = type[0] == '>';
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (type[2], big) switch
            {
                ('2', false) => (float)BinaryPrimitives.ReadHalfLittleEndian(data[(i * 2)..]),
                ('2', true) => (float)BinaryPrimitives.ReadHalfBigEndian(data[(i * 2)..]),
                ('4', false) => BinaryPrimitives.ReadSingleLittleEndian(data[(i * 4)..]),
                ('4', true) => BinaryPrimitives.ReadSingleBigEndian(data[(i * 4)..]),
                (_, false) => (float)BinaryPrimitives.ReadDoubleLittleEndian(data[(i * 8)..]),
                (_, true) => (float)BinaryPrimitives.ReadDoubleBigEndian(data[(i * 8)..]),
            };
        }
    }

    private static float[] ToRowMajor(float[] columnMajor, int[] shape)
    {
        var rowMajor = new float[columnMajor.Length];
        var index = new int[shape.Length];
        foreach (var value in columnMajor)
        {
            var at = 0;
            for (var axis = 0; axis < shape.Length; axis++)
            {
                at = (at * shape[axis]) + index[axis];
            }

            rowMajor[at] = value;
            for (var axis = 0; axis < shape.Length && ++index[axis] == shape[axis]; axis++)
            {
                index[axis] = 0;
            }
        }

        return rowMajor;
    }

    private static void WriteHeader(Stream stream, ReadOnlySpan<int> shape)
    {
        var lengths = new StringBuilder();
        foreach (var length in shape)
        {
            lengths.Append(CultureInfo.InvariantCulture, $"{length}, ");
        }

        var tuple = shape.Length switch
        {
            0 => "",
            1 => $"{shape[0]},",
            _ => lengths.ToString(0, lengths.Length - 2),
        };
        var header = new StringBuilder($"{{'descr': '<f4', 'fortran_order': False, 'shape': ({tuple}), }}");
        if (shape.Length > 0)
        {
            header.Append(' ', FirstDimensionRoom - shape[0].ToString(CultureInfo.InvariantCulture).Length);
        }

        const int Prefix = 10; // magic, version, header length
        header.Append(' ', Alignment - ((Prefix + header.Length + 1) % Alignment)).Append('\n');
        stream.Write(Magic);
        stream.Write([1, 0, (byte)header.Length, (byte)(header.Length >> 8)]);
        stream.Write(Encoding.Latin1.GetBytes(header.ToString()));
    }

    private static void WriteAll(Stream stream, ReadOnlySpan<byte> bytes)
    {
        const int Piece = 1 << 20; // a FileStream takes any length; others may copy what they get
        for (; bytes.Length > Piece; bytes = bytes[Piece..])
        {
            stream.Write(bytes[..Piece]);
        }

        stream.Write(bytes);
    }

    private static RequestException Wrong(string name, string what) => new($"{OneLine.Quote(name)} {what}");
}
