using System.Buffers.Binary;
using System.Globalization;

namespace StableDiffusion;

/// <summary>A weight or constant of a graph: its name, type and shape, and where its values lie.</summary>
internal sealed class OnnxInitializer
{
    private const int DimensionField = 1;
    private const int ElementTypeField = 2;
    private const int FloatDataField = 4;
    private const int Int32DataField = 5;
    private const int Int64DataField = 7;
    private const int NameField = 8;
    private const int RawDataField = 9;
    private const int DoubleDataField = 10;
    private const int UInt64DataField = 11;
    private const int ExternalDataField = 13;
    private const int DataLocationField = 14;
    private const long External = 1;

    private readonly ProtobufMessage _message;

    public OnnxInitializer(ReadOnlyMemory<byte> encoded)
    {
        _message = ProtobufMessage.Parse(encoded);
        Name = _message.Text(NameField);
        Dimensions = _message.Integers(DimensionField);
        ElementType = (OnnxElementType)_message.Integer(ElementTypeField);
        File = _message.Integer(DataLocationField) == External ? ReadExternal() : null;
    }

    /// <summary>A new constant whose values, row-major and little-endian, become part of the graph.</summary>
    public OnnxInitializer(string name, OnnxElementType elementType, IEnumerable<long> dimensions, ReadOnlySpan<byte> values)
        : this(Encode(name, elementType, dimensions, values))
    {
    }

    public string Name { get; set; }

    public OnnxElementType ElementType { get; }

    public IReadOnlyList<long> Dimensions { get; }

    /// <summary>Where the values lie outside the graph; null where the graph holds them.</summary>
    public OnnxFileRange? File { get; private set; }

    /// <summary>
    /// Reads a tensor. Raw values of at least <paramref name="minimumBytes"/> stay in <paramref name="file"/>, the very file
    /// that is being read: an entry with their offset stands for them. Without a file everything is taken in.
    /// </summary>
    public static OnnxInitializer Read(ProtobufReader tensor, string? file, int minimumBytes)
    {
        var (offset, length) = (0, 0);
        for (var scan = tensor; scan.Next();)
        {
            if (scan.Number == RawDataField && scan.Wire == WireType.Length)
            {
                (offset, length) = (scan.Start, scan.End - scan.Start);
            }
        }

        if (file is null || length < minimumBytes)
        {
            return new OnnxInitializer(tensor.Rest.ToArray());
        }

        var rest = new ProtobufWriter();
        while (tensor.Next())
        {
            if (tensor.Number is not (RawDataField or ExternalDataField or DataLocationField))
            {
                rest.Raw(tensor.Encoded);
            }
        }

        var initializer = new OnnxInitializer(rest.ToArray());
        initializer.PointTo(new OnnxFileRange(file, offset, length));
        return initializer;
    }

    /// <summary>Takes the values from a file; the graph keeps only the range.</summary>
    public void PointTo(OnnxFileRange range)
    {
        var entries = new List<ProtobufField>
        {
            Entry("location", range.Location),
            Entry("offset", range.Offset.ToString(CultureInfo.InvariantCulture)),
        };
        if (range.Length is { } length)
        {
            entries.Add(Entry("length", length.ToString(CultureInfo.InvariantCulture)));
        }

        _message.Replace(RawDataField, WireType.Length, []);
        _message.Replace(ExternalDataField, WireType.Length, entries);
        _message.Replace(DataLocationField, WireType.Varint, [ProtobufField.Of(DataLocationField, External)]);
        File = range;
    }

    /// <summary>The values that the graph itself holds, row-major and little-endian.</summary>
    /// <exception cref="ModelException">They are text, of a type unknown here, or in another file.</exception>
    public byte[] InlineBytes()
    {
        if (File is not null)
        {
            throw new ModelException($"the values of {Name} lie in {File.Location}.");
        }

        return _message.Last(RawDataField) is { } raw ? raw.Payload.ToArray() : ElementType switch
        {
            OnnxElementType.Float => _message.Fixed(FloatDataField, WireType.Fixed32),
            OnnxElementType.Double => _message.Fixed(DoubleDataField, WireType.Fixed64),
            OnnxElementType.Int64 => Narrow(Int64DataField, sizeof(long)),
            OnnxElementType.UInt32 => Narrow(UInt64DataField, sizeof(uint)),
            OnnxElementType.UInt64 => Narrow(UInt64DataField, sizeof(ulong)),
            OnnxElementType.Int32 => Narrow(Int32DataField, sizeof(int)),
            OnnxElementType.Float16 or OnnxElementType.BFloat16 or OnnxElementType.Int16 or OnnxElementType.UInt16
                => Narrow(Int32DataField, sizeof(short)),
            OnnxElementType.Int8 or OnnxElementType.UInt8 or OnnxElementType.Bool => Narrow(Int32DataField, sizeof(byte)),
            _ => throw new ModelException($"{Name} holds values of a type that cannot be read ({ElementType})."),
        };
    }

    public byte[] ToBytes()
    {
        _message.Set(NameField, Name);
        return _message.ToBytes();
    }

    private byte[] Narrow(int number, int width)
    {
        var values = _message.Integers(number);
        var bytes = new byte[values.Count * width];
        Span<byte> wide = stackalloc byte[sizeof(long)];
        for (var k = 0; k < values.Count; k++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(wide, values[k]);
            wide[..width].CopyTo(bytes.AsSpan(k * width));
        }

        return bytes;
    }

    private OnnxFileRange ReadExternal()
    {
        var (location, offset, length) = ("", 0L, (long?)null);
        foreach (var entry in _message.All(ExternalDataField).Select(f => ProtobufMessage.Parse(f.Payload)))
        {
            var value = entry.Text(2);
            switch (entry.Text(1))
            {
                case "location":
                    location = value;
                    break;
                case "offset":
                    offset = Number(value);
                    break;
                case "length":
                    length = Number(value);
                    break;
            }
        }

        return new OnnxFileRange(location, offset, length);
    }

    private long Number(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new ModelException($"not an ONNX graph: the place of {OneLine.Shorten(Name)} is given as '{OneLine.Shorten(text)}', which is no number.");

    private static ProtobufField Entry(string key, string value) =>
        ProtobufField.Of(ExternalDataField, new ProtobufWriter()
            .Raw(ProtobufField.Of(1, key).Encoded.Span).Raw(ProtobufField.Of(2, value).Encoded.Span).Written);

    private static byte[] Encode(string name, OnnxElementType elementType, IEnumerable<long> dimensions, ReadOnlySpan<byte> values)
    {
        var tensor = new ProtobufWriter(values.Length + 256);
        foreach (var dimension in dimensions)
        {
            tensor.Raw(ProtobufField.Of(DimensionField, dimension).Encoded.Span);
        }

        return tensor
            .Raw(ProtobufField.Of(ElementTypeField, (long)elementType).Encoded.Span)
            .Raw(ProtobufField.Of(NameField, name).Encoded.Span)
            .Field(RawDataField, values)
            .ToArray();
    }
}
