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

    private static byte[] Encode(string name, OnnxElementType elementType)
    {
        var value = new ProtobufWriter().Raw(ProtobufField.Of(NameField, name).Encoded.Span);
        if (elementType != OnnxElementType.Undefined)
        {
            var tensorType = ProtobufField.Of(ElementTypeField, (long)elementType);
            var type = ProtobufField.Of(TensorTypeField, tensorType.Encoded.Span);
            value.Field(TypeField, type.Encoded.Span);
        }

        return value.ToArray();
    }
}
