namespace StableDiffusion;

/// <summary>The name and type of a graph's input or output, or of a tensor inside.</summary>
internal sealed class OnnxValue
{
    private const int NameField = 1;
    private const int TypeField = 2;
    private const int TensorTypeField = 1;
    private const int ElementTypeField = 1;
    private const int ShapeField = 2;
    private const int DimensionField = 1;
    private const int DimensionValueField = 1;

    private readonly ProtobufMessage _message;

    public OnnxValue(ReadOnlyMemory<byte> encoded)
    {
        _message = ProtobufMessage.Parse(encoded);
        Name = _message.Text(NameField);
        if (_message.Last(TypeField) is { } type && ProtobufMessage.Parse(type.Payload).Last(TensorTypeField) is { } tensorType)
        {
            var tensor = ProtobufMessage.Parse(tensorType.Payload);
            ElementType = (OnnxElementType)tensor.Integer(ElementTypeField);
            Shape = tensor.Last(ShapeField) is { } shape ? ReadShape(shape) : null;
        }
    }

    /// <summary>A value of any shape; without an element type, ONNX Runtime takes the one its producer gives.</summary>
    public OnnxValue(string name, OnnxElementType elementType = OnnxElementType.Undefined)
        : this(Encode(name, elementType))
    {
    }

    /// <summary>A value of some rank, all of whose sizes are open.</summary>
    public OnnxValue(string name, OnnxElementType elementType, int rank)
        : this(Encode(name, elementType, rank))
    {
    }

    public string Name { get; set; }

    public OnnxElementType ElementType { get; }

    /// <summary>The sizes that the graph fixes, null for each it leaves open; null as a whole where even the rank is open.</summary>
    public IReadOnlyList<long?>? Shape { get; }

    public byte[] ToBytes()
    {
        _message.Set(NameField, Name);
        return _message.ToBytes();
    }

    private static long?[] ReadShape(ProtobufField shape) =>
        [.. ProtobufMessage.Parse(shape.Payload).All(DimensionField)
            .Select(d => ProtobufMessage.Parse(d.Payload).Last(DimensionValueField, WireType.Varint)?.Integer)];

    private static byte[] Encode(string name, OnnxElementType elementType, int? rank = null)
    {
        var value = new ProtobufWriter().Raw(ProtobufField.Of(NameField, name).Encoded.Span);
        if (elementType != OnnxElementType.Undefined)
        {
            var tensorType = new ProtobufWriter().Raw(ProtobufField.Of(ElementTypeField, (long)elementType).Encoded.Span);
            if (rank is { } axes)
            {
                var shape = new ProtobufWriter();
                for (var axis = 0; axis < axes; axis++)
                {
                    shape.Field(DimensionField, []);
                }

                tensorType.Field(ShapeField, shape.Written);
            }

            var type = ProtobufField.Of(TensorTypeField, tensorType.Written);
            value.Field(TypeField, type.Encoded.Span);
        }

        return value.ToArray();
    }
}
