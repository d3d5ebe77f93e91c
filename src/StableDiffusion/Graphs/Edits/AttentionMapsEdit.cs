namespace StableDiffusion;

/// <summary>
/// Makes the cross-attention probabilities of a denoising network its outputs: which word each place of the picture looks at, layer by
/// layer. A Softmax over a product whose second factor is projected from the text; found by structure, not by name.
/// </summary>
/// <remarks>Layout [rows, heads, places, tokens], or [rows · heads, places, tokens] of old exports; places row by row.</remarks>
internal sealed class AttentionMapsEdit : IGraphEdit
{
    private const int LongestWay = 8;

    private static readonly string[] _ends =
        ["MatMul", "Gemm", "Conv", "Softmax", "LayerNormalization", "Shape", "Size", "MultiHeadAttention", "Attention"];

    private static readonly string[] _bends =
        ["Identity", "Cast", "Transpose", "DequantizeLinear", "Reshape", "Unsqueeze", "Squeeze", "Mul", "Div", "Add", "Sub", "Slice", "Split", "Gather", "Where"];

    /// <summary>The outputs with the maps, in the order in which they are computed; filled by <see cref="Apply"/>.</summary>
    public IReadOnlyList<string> Outputs { get; private set; } = [];

    public string Key => "attention_maps";

    public bool AppliesTo(string part) => part == "unet";

    public void Apply(OnnxGraph graph)
    {
        graph.Sort();
        Outputs = Find(graph);
        foreach (var output in Outputs)
        {
            graph.AddOutput(output);
        }
    }

    /// <summary>The probabilities of every cross attention in a sorted graph.</summary>
    public static IReadOnlyList<string> Find(OnnxGraph graph)
    {
        var index = new OnnxIndex(graph);
        return [.. graph.Nodes.Where(node => node.OpType == "Softmax" && IsCross(index, node)).Select(node => node.Outputs[0])];
    }

    private static bool IsCross(OnnxIndex index, OnnxNode softmax) =>
        Product(index, softmax.Inputs[0]) is { } product && product.Inputs.Any(factor => Projections(index, factor).Any(node => ComesFromText(index, node)));

    /// <summary>The product of queries and keys that a Softmax reads, seen through scaling, masking and shapes.</summary>
    private static OnnxNode? Product(OnnxIndex index, string tensor)
    {
        for (var step = 0; step < LongestWay; step++)
        {
            if (index.Producer(tensor) is not { } node)
            {
                return null;
            }

            if (node.OpType == "MatMul")
            {
                return index.Constant(node.Inputs[1]) is null ? node : null;
            }

            var data = _bends.Contains(node.OpType)
                ? node.Inputs.Where(input => index.Producer(input) is { OpType: not ("Shape" or "Slice") } && index.Constant(input) is null).ToList()
                : [];
            if (data.Count == 0)
            {
                return null;
            }

            tensor = data[0];
        }

        return null;
    }

    /// <summary>The linear layers that a tensor comes from.</summary>
    private static List<OnnxNode> Projections(OnnxIndex index, string tensor)
    {
        var (found, seen, waiting) = (new List<OnnxNode>(), new HashSet<string>(), new Stack<string>([tensor]));
        while (waiting.TryPop(out var one))
        {
            if (!seen.Add(one) || index.Producer(one) is not { } node)
            {
                continue;
            }

            if (node.OpType is "MatMul" or "Gemm")
            {
                if (index.Constant(node.Inputs[1]) is not null)
                {
                    found.Add(node);
                }

                continue;
            }

            foreach (var input in _ends.Contains(node.OpType) ? [] : node.Inputs.Where(input => input.Length > 0))
            {
                waiting.Push(input);
            }
        }

        return found;
    }

    private static bool ComesFromText(OnnxIndex index, OnnxNode projection) => index.Origin(projection.Inputs[0]) == Conditioning.Text;
}
