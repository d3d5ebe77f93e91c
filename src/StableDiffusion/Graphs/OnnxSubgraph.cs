namespace StableDiffusion;

/// <summary>
/// The graphs inside If, Loop and Scan nodes stay encoded; this finds the tensors they mention. ONNX forbids a name inside to
/// hide one outside, so names need no scopes.
/// </summary>
internal static class OnnxSubgraph
{
    private const int NodeField = 1;
    private const int OutputField = 12;
    private const int ValueNameField = 1;

    /// <summary>Every tensor that a graph, or a graph inside it, reads: its own and those of the graphs around it.</summary>
    public static IEnumerable<string> Mentioned(IEnumerable<ReadOnlyMemory<byte>> graphs)
    {
        var waiting = new Stack<ReadOnlyMemory<byte>>(graphs);
        while (waiting.TryPop(out var encoded))
        {
            var graph = ProtobufMessage.Parse(encoded);
            foreach (var output in graph.All(OutputField))
            {
                yield return ProtobufMessage.Parse(output.Payload).Text(ValueNameField);
            }

            foreach (var node in graph.All(NodeField).Select(f => new OnnxNode(f.Payload)))
            {
                foreach (var input in node.Inputs.Where(i => i.Length > 0))
                {
                    yield return input;
                }

                foreach (var inner in node.Attributes.SelectMany(a => a.Graphs))
                {
                    waiting.Push(inner);
                }
            }
        }
    }
}
