namespace StableDiffusion;

/// <summary>Where a UNet's second half takes in what its first half kept: found by the shape of the graph, not by names.</summary>
/// <param name="Joints">The Concats that join both, from the deepest outwards, and which input of each is the skip connection.</param>
/// <param name="Middle">What the middle block gives.</param>
internal sealed record SkipConnections(IReadOnlyList<(OnnxNode Node, int SkipInput)> Joints, string Middle)
{
    /// <exception cref="ModelException">The graph is no UNet of the known kind.</exception>
    public static SkipConnections Find(OnnxGraph graph)
    {
        var index = new OnnxIndex(graph);
        var joints = new List<(OnnxNode Node, int Skip, int SkipDepth, int Depth)>();
        foreach (var node in graph.Nodes.Where(node => node is { OpType: "Concat", Inputs.Count: 2 } && node.Attribute("axis")?.Integer is 1 or -3))
        {
            var (first, second) = (Depth(node.Inputs[0], index), Depth(node.Inputs[1], index));
            if (first > 0 && second > 0 && first != second)
            {
                joints.Add(first > second ? (node, 1, second, first) : (node, 0, first, second));
            }
        }

        joints.Sort((a, b) => a.Depth.CompareTo(b.Depth));
        if (joints.Count == 0 || joints.Zip(joints.Skip(1)).Any(pair => pair.First.SkipDepth <= pair.Second.SkipDepth))
        {
            throw new ModelException(
                $"{graph.Path}: the skip connections of its UNet are not found (an optimised export?); for ControlNet and a deep cache export it again plainly.");
        }

        return new SkipConnections([.. joints.Select(joint => (joint.Node, joint.Skip))], joints[0].Node.Inputs[1 - joints[0].Skip]);
    }

    /// <summary>Convolutions that a tensor has gone through.</summary>
    private static int Depth(string tensor, OnnxIndex index) =>
        index.Ancestors(tensor).Select(index.Producer).OfType<OnnxNode>().Distinct().Count(node => node.OpType is "Conv" or "NhwcConv");
}
