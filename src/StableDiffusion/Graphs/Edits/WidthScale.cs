namespace StableDiffusion;

/// <summary>
/// The scale of attention, 1/√width, as PyTorch's scaled_dot_product_attention is exported: queries and keys are each multiplied with its root, computed from a
/// size of the queries' shape. The fused operator scales so by itself. On a GPU that arithmetic would be the processor's, and its result copied in every attention of every step.
/// </summary>
internal static class WidthScale
{
    // No other arithmetic on a width that an export has gives one over its root at all of these.
    private static readonly double[] _widths = [8, 40, 64, 160];

    /// <summary>Queries and keys as they are before that; null where they are not multiplied so.</summary>
    public static (string Query, string Key)? Without(string query, string key, OnnxGraph graph, OnnxIndex index)
    {
        foreach (var (plainQuery, queryFactor) in Factors(query, index))
        {
            foreach (var (plainKey, keyFactor) in Factors(key, index))
            {
                var reader = new Reader(plainQuery, graph, index);
                if (Array.TrueForAll(_widths, width => reader.Value(queryFactor, width) * reader.Value(keyFactor, width) * Math.Sqrt(width) is > 0.999999 and < 1.000001))
                {
                    return (plainQuery, plainKey);
                }
            }
        }

        return null;
    }

    /// <summary>Both ways to read a product as a tensor and a factor on it.</summary>
    private static IEnumerable<(string Tensor, string Factor)> Factors(string product, OnnxIndex index) =>
        index.Producer(product) is { OpType: "Mul" } node ? [(node.Input(0), node.Input(1)), (node.Input(1), node.Input(0))] : [];

    /// <summary>Computes what a graph computes from the last size of a tensor's shape.</summary>
    private sealed class Reader(string measured, OnnxGraph graph, OnnxIndex index)
    {
        // Exports need some ten; a graph made to be long, or to lead back to itself, ends here.
        private const int MostNodes = 1000;

        private int _nodes;

        /// <summary>A scalar of the graph, were that size <paramref name="width"/>; null where it depends on anything else.</summary>
        public double? Value(string tensor, double width) => ++_nodes > MostNodes ? null : index.Number(tensor, graph) ?? index.Producer(tensor) switch
        {
            { OpType: "Slice" or "Gather" } node when IsLastSize(node) => width,
            { OpType: "Cast" or "Identity" or "Squeeze" or "Unsqueeze" } node => Value(node.Input(0), width),
            { OpType: "Sqrt" } node => Value(node.Input(0), width) is { } value ? Math.Sqrt(value) : null,
            { OpType: "Reciprocal" } node => 1 / Value(node.Input(0), width),
            { OpType: "Mul" } node => Value(node.Input(0), width) * Value(node.Input(1), width),
            { OpType: "Div" } node => Value(node.Input(0), width) / Value(node.Input(1), width),
            { OpType: "Pow" } node => (Value(node.Input(0), width), Value(node.Input(1), width)) is ({ } value, { } power) ? Math.Pow(value, power) : null,
            _ => null,
        };

        private bool IsLastSize(OnnxNode node) =>
            index.Producer(node.Input(0)) is { OpType: "Shape", Attributes.Count: 0 } shape && shape.Input(0) == measured && index.Number(node.Input(1), graph) == -1;
    }
}
