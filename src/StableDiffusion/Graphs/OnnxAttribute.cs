namespace StableDiffusion;

/// <summary>An attribute of a node. It does not change: to set one, put a new one into <see cref="OnnxNode.Attributes"/>.</summary>
internal sealed class OnnxAttribute
{
    private const int NameField = 1;
    private const int FloatField = 2;
    private const int IntegerField = 3;
    private const int TextField = 4;
    private const int TensorField = 5;
    private const int GraphField = 6;
    private const int IntegersField = 8;
    private const int GraphsField = 11;
    private const int TypeField = 20;

    // AttributeProto.AttributeType
    private const int FloatType = 1;
    private const int IntegerType = 2;
    private const int TextType = 3;
    private const int IntegersType = 7;

    private readonly ProtobufMessage _message;

    public OnnxAttribute(ReadOnlyMemory<byte> encoded)
    {
        Encoded = encoded;
        _message = ProtobufMessage.Parse(encoded);
        Name = _message.Text(NameField);
        HasGraphs = _message.Has(GraphField) || _message.Has(GraphsField);
    }

    private OnnxAttribute(string name, int type, params IReadOnlyList<ProtobufField> values)
        : this(Encode([ProtobufField.Of(NameField, name), .. values, ProtobufField.Of(TypeField, type)]))
    {
    }

    public string Name { get; }

    public ReadOnlyMemory<byte> Encoded { get; }

    /// <summary>The value of a whole-number attribute; 0 where it is of another type.</summary>
    public long Integer => _message.Integer(IntegerField);

    public float Float => _message.Last(FloatField, WireType.Fixed32)?.Float ?? 0;

    public string Text => _message.Text(TextField);

    public IReadOnlyList<long> Integers => _message.Integers(IntegersField);

    /// <summary>The tensor of a Constant node; null where the attribute holds none.</summary>
    public OnnxInitializer? Tensor => _message.Last(TensorField) is { } tensor ? new OnnxInitializer(tensor.Payload) : null;

    /// <summary>Whether there are any <see cref="Graphs"/>.</summary>
    public bool HasGraphs { get; }

    /// <summary>The sub-graphs of If, Loop and Scan, encoded.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> Graphs => _message.All(GraphField).Concat(_message.All(GraphsField)).Select(f => f.Payload);

    public static OnnxAttribute Of(string name, long value) => new(name, IntegerType, ProtobufField.Of(IntegerField, value));

    public static OnnxAttribute Of(string name, float value) => new(name, FloatType, ProtobufField.Of(FloatField, value));

    public static OnnxAttribute Of(string name, string value) => new(name, TextType, ProtobufField.Of(TextField, value));

    public static OnnxAttribute Of(string name, IEnumerable<long> values) =>
        new(name, IntegersType, [.. values.Select(v => ProtobufField.Of(IntegersField, v))]);

    private static byte[] Encode(IEnumerable<ProtobufField> fields)
    {
        var writer = new ProtobufWriter();
        foreach (var field in fields)
        {
            writer.Raw(field.Encoded.Span);
        }

        return writer.ToArray();
    }
}
