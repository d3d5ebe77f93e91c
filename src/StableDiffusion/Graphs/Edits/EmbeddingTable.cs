namespace StableDiffusion;

/// <summary>The table in which a text encoder looks up its tokens: found by what reads it, not by name.</summary>
/// <param name="Node">The Gather that looks up.</param>
/// <param name="Rows">Tokens it knows.</param>
/// <param name="Width">Length of one token's vector.</param>
/// <param name="ElementType">The type in which the rows reach the node.</param>
internal sealed record EmbeddingTable(OnnxNode Node, int Rows, int Width, OnnxElementType ElementType)
{
    /// <exception cref="ModelException">The graph has no such table.</exception>
    public static EmbeddingTable Find(OnnxGraph graph)
    {
        var index = new OnnxIndex(graph);
        var tables = graph.Nodes
            .Where(node => node.OpType == "Gather" && node.Attribute("axis") is null or { Integer: 0 })
            .Select(node => (node, constant: index.Constant(node.Input(0))))
            .Where(found => found.constant is { Dimensions.Count: 2 } && index.Ancestors(found.node.Input(1)).Contains("input_ids"));
        var (table, weight) = tables.OrderByDescending(found => found.constant!.Dimensions[0]).FirstOrDefault();
        if (weight is null)
        {
            throw new ModelException($"{graph.Path} has no table of tokens that further words could be added to.");
        }

        var type = index.ElementTypeAt(table.Input(0));
        return type is OnnxElementType.Float or OnnxElementType.Float16 or OnnxElementType.BFloat16
            ? new EmbeddingTable(table, checked((int)weight.Dimensions[0]), checked((int)weight.Dimensions[1]), type)
            : throw new ModelException($"{graph.Path}: its table of tokens is rounded to {type}, to which no further words can be added; use the model's plain text encoder.");
    }

    /// <summary>Puts further rows behind those of the table; ONNX Runtime joins both when it opens the graph.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="rows">[count, width], row-major.</param>
    public void Append(OnnxGraph graph, float[] rows)
    {
        var (added, joined) = (graph.FreeName("learnt_words"), graph.FreeName("tokens_and_learnt_words"));
        graph.Initializers.Add(new OnnxInitializer(added, ElementType, [rows.Length / Width, Width], WeightValues.FromFloats(rows, ElementType)));
        graph.Nodes.Insert(graph.Nodes.IndexOf(Node), new OnnxNode("Concat", [Node.Input(0), added], [joined], OnnxAttribute.Of("axis", 0L)));
        OnnxNode.Put(Node.Inputs, 0, joined);
    }
}
