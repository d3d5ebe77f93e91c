namespace StableDiffusion;

/// <summary>
/// A layer norm in a graph: one node, from operator set 17 on or fused by ONNX Runtime's tools, or the nine it was before.
/// </summary>
/// <param name="Readers">The nodes that read what is normalised; the first of them is found by <see cref="Find"/>.</param>
/// <param name="Input">The tensor that is normalised; for a fused norm the first of the two it adds up.</param>
internal sealed record LayerNorm(IReadOnlyList<OnnxNode> Readers, string Input)
{
    private const int FusedInput = 0;
    private const int FusedSkip = 1;
    private const int FusedGamma = 2;
    private const int FusedBeta = 3;
    private const int FusedBias = 4;
    private const int FusedSum = 3;

    private OnnxNode Node => Readers[0];

    private bool IsFused => Node.OpType == "SkipLayerNormalization";

    /// <summary>Every layer norm that a tensor depends on, in the order in which they run. Sorts the graph.</summary>
    public static List<LayerNorm> Find(OnnxGraph graph, string output)
    {
        graph.Sort();
        var index = new OnnxIndex(graph);
        var ancestors = index.Ancestors(output);
        var norms = new List<LayerNorm>();
        foreach (var node in graph.Nodes.Where(n => n.Inputs.Count > 0 && n.Outputs.Exists(ancestors.Contains)))
        {
            if (node.OpType is "LayerNormalization" or "SkipLayerNormalization")
            {
                norms.Add(new LayerNorm([node], node.Inputs[0]));
            }
            else if (node.OpType == "ReduceMean")
            {
                // x − mean(x); the norm's other ReduceMean, of the squares, is not taken from what it reads
                var differences = index.Readers(node.Outputs[0]).Where(r => r.OpType == "Sub" && r.Input(0) == node.Inputs[0]).ToList();
                if (differences.Count > 0)
                {
                    norms.Add(new LayerNorm([node, .. differences], node.Inputs[0]));
                }
            }
        }

        return norms;
    }

    /// <summary>The tensor that is normalised. A fused norm, which adds up first, gets its sum as an output.</summary>
    public string Normalised(OnnxGraph graph)
    {
        if (!IsFused)
        {
            return Input;
        }

        if (Node.Outputs.Count <= FusedSum || Node.Outputs[FusedSum].Length == 0)
        {
            OnnxNode.Put(Node.Outputs, FusedSum, graph.FreeName("layer_norm_sum"));
        }

        return Node.Outputs[FusedSum];
    }

    /// <summary>Normalises what <paramref name="other"/> does, with this norm's own scale and shift.</summary>
    public void ReadAs(LayerNorm other, OnnxGraph graph)
    {
        if (IsFused && other.IsFused)
        {
            foreach (var k in (int[])[FusedInput, FusedSkip, FusedBias])
            {
                OnnxNode.Put(Node.Inputs, k, other.Node.Input(k));
            }
        }
        else if (IsFused)
        {
            var plain = new OnnxNode(
                "LayerNormalization",
                [other.Input, Node.Input(FusedGamma), Node.Input(FusedBeta)],
                [Node.Outputs[0]],
                [OnnxAttribute.Of("axis", -1), .. Node.Attributes.Where(a => a.Name == "epsilon")]);
            graph.Nodes[graph.Nodes.IndexOf(Node)] = plain;
        }
        else
        {
            var normalised = other.Normalised(graph);
            foreach (var inputs in Readers.Select(r => r.Inputs))
            {
                inputs[0] = normalised;
            }
        }
    }
}
