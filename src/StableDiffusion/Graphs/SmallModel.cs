namespace StableDiffusion;

/// <summary>Models of a few nodes that the program writes itself, to measure with or to have ONNX Runtime do something.</summary>
internal static class SmallModel
{
    private const int IrVersion = 8;
    private const int Opset = 17;

    /// <summary>The bytes of a model whose inputs and outputs may be of any shape (onnx.proto3, ModelProto).</summary>
    public static byte[] Of(IEnumerable<OnnxNode> nodes, IEnumerable<OnnxValue> inputs, IEnumerable<OnnxValue> outputs)
    {
        var graph = new ProtobufWriter();
        foreach (var node in nodes)
        {
            graph.Field(1, node.ToBytes());
        }

        graph.Raw(ProtobufField.Of(2, "small").Encoded.Span);
        foreach (var input in inputs)
        {
            graph.Field(11, input.ToBytes());
        }

        foreach (var output in outputs)
        {
            graph.Field(12, output.ToBytes());
        }

        return new ProtobufWriter()
            .Raw(ProtobufField.Of(1, IrVersion).Encoded.Span)
            .Field(7, graph.Written)
            .Field(8, ProtobufField.Of(2, Opset).Encoded.Span)
            .ToArray();
    }
}
