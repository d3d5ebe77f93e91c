namespace StableDiffusion.Tests;

/// <summary>Renames what a graph holds, as other exporters and optimisers do. ONNX forbids a name inside to hide one outside, so names need no scopes.</summary>
internal static class GraphRenaming
{
    // GraphProto and AttributeProto
    private const int NodeField = 1;
    private const int OutputField = 12;
    private static readonly int[] _graphFields = [6, 11];

    /// <summary>Renames tensors, weights, inputs and outputs everywhere.</summary>
    public static void Rename(this OnnxGraph graph, IReadOnlyDictionary<string, string> names)
    {
        graph.Nodes.ForEach(node => Rename(node, names));
        foreach (var initializer in graph.Initializers)
        {
            initializer.Name = names.GetValueOrDefault(initializer.Name, initializer.Name);
        }

        foreach (var value in graph.Inputs.Concat(graph.Outputs).Concat(graph.ValueInfos))
        {
            value.Name = names.GetValueOrDefault(value.Name, value.Name);
        }
    }

    private static void Rename(OnnxNode node, IReadOnlyDictionary<string, string> names)
    {
        foreach (var list in (List<string>[])[node.Inputs, node.Outputs])
        {
            for (var k = 0; k < list.Count; k++)
            {
                list[k] = names.GetValueOrDefault(list[k], list[k]);
            }
        }

        for (var k = 0; k < node.Attributes.Count; k++)
        {
            var message = ProtobufMessage.Parse(node.Attributes[k].Encoded);
            foreach (var number in _graphFields.Where(number => message.All(number).Any()))
            {
                message.Replace(number, WireType.Length, [.. message.All(number).Select(inner => ProtobufField.Of(number, Renamed(inner.Payload, names)))]);
                node.Attributes[k] = new OnnxAttribute(message.ToBytes());
            }
        }
    }

    private static byte[] Renamed(ReadOnlyMemory<byte> graph, IReadOnlyDictionary<string, string> names)
    {
        var message = ProtobufMessage.Parse(graph);
        message.Replace(NodeField, WireType.Length, [.. message.All(NodeField).Select(field =>
        {
            var node = new OnnxNode(field.Payload);
            Rename(node, names);
            return ProtobufField.Of(NodeField, node.ToBytes());
        })]);
        message.Replace(OutputField, WireType.Length, [.. message.All(OutputField).Select(field =>
        {
            var output = new OnnxValue(field.Payload);
            output.Name = names.GetValueOrDefault(output.Name, output.Name);
            return ProtobufField.Of(OutputField, output.ToBytes());
        })]);
        return message.ToBytes();
    }
}
