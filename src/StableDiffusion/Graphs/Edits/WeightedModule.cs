namespace StableDiffusion;

/// <summary>A node with a weight matrix or kernel, as the PyTorch module that it was exported from.</summary>
/// <param name="Node">Conv, MatMul or Gemm, or a MatMul whose weight is rounded (<see cref="IsRounded"/>); its weight is input 1.</param>
/// <param name="Weight">The initializer, or the output of the Constant, behind Casts, Transposes and the like.</param>
/// <param name="Transposed">Whether its values lie as [in, out] where PyTorch has [out, in].</param>
/// <param name="Shape">[out, in], or [out, in, height, width] for a convolution.</param>
internal sealed record WeightedModule(OnnxNode Node, string Weight, bool Transposed, IReadOnlyList<long> Shape)
{
    /// <summary>ONNX Runtime's MatMul with a weight of few bits, in blocks.</summary>
    public const string InBlocks = "MatMulNBits";

    /// <summary>ONNX Runtime's MatMul with a weight of 8 bits [in, out], which rounds its other factor as a whole.</summary>
    public const string AsWhole = "DynamicQuantizeMatMul";

    private const int WeightInput = 1;

    /// <summary>Whether a linear layer's weight is rounded.</summary>
    public bool IsRounded => Node.OpType is InBlocks or AsWhole;

    /// <summary>All nodes with a constant weight, in the order of the graph.</summary>
    public static IReadOnlyList<WeightedModule> Find(OnnxGraph graph, OnnxIndex index)
    {
        var found = new List<WeightedModule>();
        foreach (var node in graph.Nodes.Where(node => node.OpType is InBlocks or AsWhole or "Conv" or "MatMul" or "Gemm"))
        {
            if (node.OpType == InBlocks && node.Attribute("K") is { } inputs && node.Attribute("N") is { } outputs)
            {
                found.Add(new WeightedModule(node, node.Input(WeightInput), Transposed: false, [outputs.Integer, inputs.Integer]));
                continue;
            }

            if ((node.Domain.Length > 0 && node.OpType != AsWhole) || index.Constant(node.Input(WeightInput)) is not { } constant || constant.Dimensions.Count != (node.OpType == "Conv" ? 4 : 2))
            {
                continue;
            }

            var (weight, turned) = index.Source(node.Input(WeightInput));
            var transposed = node.OpType != "Conv" && turned ^ (node.OpType is "MatMul" or AsWhole || node.Attribute("transB") is not { Integer: not 0 });
            found.Add(new WeightedModule(node, weight, transposed, transposed ? [.. constant.Dimensions.Reverse()] : constant.Dimensions));
        }

        return found;
    }

    /// <summary>
    /// The module's path where the export kept it: in the node's name ("/conv_in/Conv"), else in the weight's ("conv_in.weight"), else in what torch's
    /// newer exporter notes beside the node.
    /// </summary>
    public string? Path()
    {
        var steps = Node.Name.Split('/');
        string[] operators = IsRounded ? ["MatMul", "Gemm"] : [Node.OpType];
        if (steps is ["", _, .., var last] && operators.Any(one => last == one || last.StartsWith(one + "_", StringComparison.Ordinal)))
        {
            return string.Join('.', steps[1..^1]);
        }

        const string suffix = ".weight";
        if (Weight.EndsWith(suffix, StringComparison.Ordinal))
        {
            return Weight[..^suffix.Length];
        }

        // ['', 'conv_in', 'Conv_0']: the last but one is the module.
        return Node.Metadata("pkg.torch.onnx.name_scopes")?.Split('\'') is { Length: > 4 } scopes && scopes[^4].Length > 0 ? scopes[^4] : null;
    }
}
