namespace StableDiffusion;

/// <summary>
/// Puts ONNX Runtime's fused attention, <c>com.microsoft.MultiHeadAttention</c>, in the place of softmax(s·q·kᵀ)·v wherever an export spells
/// that out: the scores of all places with all places, most of what a step keeps in memory, are then never written down. Flash attention:
/// Dao et al. (2022), arXiv 2205.14135.
/// </summary>
/// <remarks>
/// Found by structure, not by name. Heads are given to the operator as rows of the batch, so that nothing needs to be known of how they were
/// made: U-Nets, joint attention with norms and rotary factors before it, and exports whose heads are folded already all go. Attention with
/// a mask, or whose probabilities are read elsewhere, stays as it is.
/// </remarks>
internal sealed class FusedAttentionEdit : IGraphEdit
{
    private const string Domain = "com.microsoft";
    private const long OldestOpset = 11;

    // Their attention is masked.
    private const string TextEncoders = "text_encoder";

    // Their one head is as wide as the network: the operator keeps its scores nevertheless, takes as long, and a fifth more memory at 1024 x 1024 pixels.
    private const string Autoencoders = "vae_";

    public string Key => "fused attention";

    /// <summary>How many attentions the last graph had that were fused.</summary>
    public int Fused { get; private set; }

    public bool AppliesTo(string part) =>
        !part.StartsWith(TextEncoders, StringComparison.Ordinal) && !part.StartsWith(Autoencoders, StringComparison.Ordinal);

    public void Apply(OnnxGraph graph)
    {
        Fused = 0;
        if (graph.OpsetVersion() < OldestOpset || !graph.Nodes.Exists(node => node.OpType == "Softmax"))
        {
            return;
        }

        graph.Sort();
        var attentions = SoftmaxAttention.Find(graph);
        if (attentions.Count == 0)
        {
            return;
        }

        var names = new Names(graph);
        var places = attentions.ToDictionary(attention => attention.Weighing, attention => Fuse(attention, names));
        var nodes = graph.Nodes.SelectMany(node => places.TryGetValue(node, out var fused) ? fused : [node]).ToList();
        graph.Nodes.Clear();
        graph.Nodes.AddRange(nodes);
        graph.Initializers.AddRange(names.Constants);
        graph.AddOpset(Domain, 1);
        graph.Prune();
        Fused = attentions.Count;
    }

    /// <summary>What stands in the place of the product of probabilities and values.</summary>
    private static List<OnnxNode> Fuse(SoftmaxAttention attention, Names names)
    {
        var nodes = new List<OnnxNode>();
        string Add(string opType, IEnumerable<string> inputs, params IEnumerable<OnnxAttribute> attributes)
        {
            var output = names.Next();
            nodes.Add(new OnnxNode(opType, inputs, [output], attributes));
            return output;
        }

        string ShapeOf(string tensor, string from, string to) => Add("Slice", [Add("Shape", [tensor]), from, to]);
        string CastTo(string tensor, long? type) => type is { } to ? Add("Cast", [tensor], OnnxAttribute.Of("to", to)) : tensor;

        // [.., rows, width] becomes [heads, rows, width]
        string Fold(string tensor) =>
            Add("Reshape", [tensor, Add("Concat", [names.Open, ShapeOf(tensor, names.LastButOne, names.End)], OnnxAttribute.Of("axis", 0))]);

        var query = CastTo(attention.Query, attention.FactorType);
        foreach (var (opType, factor) in attention.ComputedFactors)
        {
            query = Add(opType, [query, factor]);
        }

        var key = CastTo(attention.Key, attention.FactorType);
        key = attention.KeyIsTurned ? Add("Transpose", [Fold(key)], OnnxAttribute.Of("perm", [0, 2, 1])) : Fold(key);
        var value = Fold(CastTo(attention.Value, attention.ValueType));
        IEnumerable<OnnxAttribute> scale = attention.Scale is { } factorOnScores ? [OnnxAttribute.Of("scale", factorOnScores)] : [];
        var fused = Add("MultiHeadAttention", [Fold(query), key, value], [OnnxAttribute.Of("num_heads", 1), .. scale]);
        nodes[^1].Domain = Domain;

        // back to [.., rows, width]
        var shape = Add("Concat", [ShapeOf(query, names.Zero, names.Last), names.Open], OnnxAttribute.Of("axis", 0));
        var whole = Add("Reshape", [fused, shape]);
        _ = CastTo(whole, attention.OutputType);
        nodes[^1].Outputs[0] = attention.Weighing.Outputs[0];
        return nodes;
    }

    /// <summary>Names that are free in the graph, and the constants that all fused attentions share.</summary>
    private sealed class Names
    {
        private readonly string _prefix;
        private int _count;

        public Names(OnnxGraph graph)
        {
            _prefix = graph.FreePrefix("fused_attention");
            Open = Constant(-1);
            Last = Constant(-1);
            LastButOne = Constant(-2);
            Zero = Constant(0);
            End = Constant(int.MaxValue);
        }

        public List<OnnxInitializer> Constants { get; } = [];

        /// <summary>In a shape: the size that is left.</summary>
        public string Open { get; }

        public string Last { get; }

        public string LastButOne { get; }

        public string Zero { get; }

        public string End { get; }

        public string Next() => $"{_prefix}_{++_count}";

        private string Constant(long value)
        {
            var name = Next();
            Constants.Add(new OnnxInitializer(name, OnnxElementType.Int64, [1], BitConverter.GetBytes(value)));
            return name;
        }
    }
}
