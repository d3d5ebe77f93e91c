namespace StableDiffusion;

/// <summary>One operation of a graph. An empty name among the inputs or outputs stands for an optional one left out.</summary>
internal sealed class OnnxNode
{
    private const int InputField = 1;
    private const int OutputField = 2;
    private const int NameField = 3;
    private const int OpTypeField = 4;
    private const int AttributeField = 5;
    private const int DomainField = 7;
    private const int MetadataField = 9;
    private const int MetadataKeyField = 1;
    private const int MetadataValueField = 2;

    private readonly ProtobufMessage _message;
    private readonly OnnxAttribute[] _attributesRead;

    public OnnxNode(ReadOnlyMemory<byte> encoded)
    {
        _message = ProtobufMessage.Parse(encoded);
        Inputs = [.. _message.Texts(InputField)];
        Outputs = [.. _message.Texts(OutputField)];
        Name = _message.Text(NameField);
        OpType = _message.Text(OpTypeField);
        Domain = _message.Text(DomainField);
        _attributesRead = [.. _message.All(AttributeField).Select(f => new OnnxAttribute(f.Payload))];
        Attributes = [.. _attributesRead];
    }

    public OnnxNode(string opType, IEnumerable<string> inputs, IEnumerable<string> outputs, params IEnumerable<OnnxAttribute> attributes)
        : this(ReadOnlyMemory<byte>.Empty)
    {
        OpType = opType;
        Inputs.AddRange(inputs);
        Outputs.AddRange(outputs);
        Attributes.AddRange(attributes);
    }

    public List<string> Inputs { get; }

    public List<string> Outputs { get; }

    public List<OnnxAttribute> Attributes { get; }

    public string Name { get; set; }

    public string OpType { get; set; }

    /// <summary>Empty for ONNX's own operators, <c>com.microsoft</c> for ONNX Runtime's.</summary>
    public string Domain { get; set; }

    /// <summary>Every tensor the node depends on, those that only its sub-graphs mention included.</summary>
    public IEnumerable<string> Reads
    {
        get
        {
            var named = Inputs.Where(i => i.Length > 0);
            return Attributes.Exists(a => a.HasGraphs) ? named.Concat(OnnxSubgraph.Mentioned(Attributes.SelectMany(a => a.Graphs))) : named;
        }
    }

    public OnnxAttribute? Attribute(string name) => Attributes.Find(a => a.Name == name);

    /// <summary>What the exporter noted beside the node under a key; null where it noted nothing.</summary>
    public string? Metadata(string key) =>
        _message.All(MetadataField).Select(f => ProtobufMessage.Parse(f.Payload)).FirstOrDefault(m => m.Text(MetadataKeyField) == key)?.Text(MetadataValueField);

    /// <summary>Input number <paramref name="index"/>, or the empty name if the node has fewer.</summary>
    public string Input(int index) => index < Inputs.Count ? Inputs[index] : "";

    /// <summary>Sets an input or output and fills the optional ones before it with empty names.</summary>
    public static void Put(List<string> names, int index, string name)
    {
        while (names.Count <= index)
        {
            names.Add("");
        }

        names[index] = name;
    }

    /// <summary>Makes the node read another tensor wherever it reads this one itself; its sub-graphs are left alone.</summary>
    public void ReadInstead(string tensor, string other)
    {
        for (var i = 0; i < Inputs.Count; i++)
        {
            Inputs[i] = Inputs[i] == tensor ? other : Inputs[i];
        }
    }

    public byte[] ToBytes()
    {
        _message.Set(InputField, Inputs);
        _message.Set(OutputField, Outputs);
        _message.Set(NameField, Name);
        _message.Set(OpTypeField, OpType);
        _message.Set(DomainField, Domain);
        if (!Attributes.SequenceEqual(_attributesRead))
        {
            var attributes = Attributes.Select(a => ProtobufField.Of(AttributeField, a.Encoded.Span));
            _message.Replace(AttributeField, WireType.Length, [.. attributes]);
        }

        return _message.ToBytes();
    }
}
