namespace StableDiffusion;

/// <summary>Attention as exporters spell it out: softmax(scale · query · keyᵀ) · value, without a mask. All tensors are [.., rows, width].</summary>
/// <param name="Query">The queries; scaled already in many exports.</param>
/// <param name="Key">The keys.</param>
/// <param name="KeyIsTurned">Whether <paramref name="Key"/> is [.., width, rows].</param>
/// <param name="Value">The values.</param>
/// <param name="Weighing">The node that multiplies the probabilities with the values.</param>
/// <param name="Scale">The constant factors on the scores, together; null for 1/√width, the fused operator's own.</param>
/// <param name="ComputedFactors">Mul or Div with a scalar that the graph computes from shapes, on the scores.</param>
/// <param name="FactorType">What queries and keys must be cast to, to be of one type with the values; null for nothing.</param>
/// <param name="ValueType">What values must be cast to, to be of one type with queries and keys; null for nothing.</param>
/// <param name="OutputType">What the result must then be cast to; null for nothing.</param>
internal sealed record SoftmaxAttention(
    string Query,
    string Key,
    bool KeyIsTurned,
    string Value,
    OnnxNode Weighing,
    float? Scale,
    IReadOnlyList<(string OpType, string Factor)> ComputedFactors,
    long? FactorType,
    long? ValueType,
    long? OutputType)
{
    private const int LastOfFour = 3;
    private const int FirstOpsetOfLastAxis = 13;

    /// <summary>All attentions of a sorted graph that are of this form, each with nothing else reading what is inside.</summary>
    public static IReadOnlyList<SoftmaxAttention> Find(OnnxGraph graph)
    {
        var index = new OnnxIndex(graph);
        var outputs = graph.Outputs.Select(output => output.Name).ToHashSet();
        return [.. graph.Nodes.Where(node => node.OpType == "Softmax").Select(node => Around(node, graph, index, outputs)).OfType<SoftmaxAttention>()];
    }

    private static SoftmaxAttention? Around(OnnxNode softmax, OnnxGraph graph, OnnxIndex index, HashSet<string> outputs)
    {
        bool IsInside(string tensor) => index.Readers(tensor).Count == 1 && !outputs.Contains(tensor);
        var scores = Scores.Behind(softmax, graph, index, IsInside);
        if (scores is null || Weighed(softmax, index, IsInside) is not var (weighing, probabilityType) || !IsOverLastAxis(softmax, graph, scores.Product, index))
        {
            return null;
        }

        // What was cast for the Softmax alone needs no cast any more: the fused operator sums in float32.
        var (castBefore, castAfter) = (scores.CastTo, probabilityType);
        var (factorType, valueType, outputType) = (castBefore, castAfter) switch
        {
            (null, { } to) => ((long?)null, (long?)(long)OnnxElementType.Float, (long?)to),
            ({ } to, null) => (to, null, null),
            _ => (null, null, null),
        };
        var (query, turnedKey) = (scores.Product.Input(0), scores.Product.Input(1));
        var scale = (float?)scores.Scale;
        if (scores is { Scale: 1, Computed.Count: 0 } && WidthScale.Without(query, turnedKey, graph, index) is { } plain)
        {
            (query, turnedKey, scale) = (plain.Query, plain.Key, null);
        }

        var (key, isTurned) = Straight(turnedKey, index);
        return new SoftmaxAttention(query, key, isTurned, weighing.Input(1), weighing, scale, scores.Computed, factorType, valueType, outputType);
    }

    /// <summary>Softmax is over the keys. Before opset 13 it ran over all axes from the one given on, which is the same for the last.</summary>
    private static bool IsOverLastAxis(OnnxNode softmax, OnnxGraph graph, OnnxNode product, OnnxIndex index)
    {
        var axis = softmax.Attribute("axis")?.Integer ?? (graph.OpsetVersion() >= FirstOpsetOfLastAxis ? -1 : 1);
        return axis is -1 or LastOfFour || (axis > 0 && index.Producer(product.Input(1)) is { OpType: "Transpose" } turn && turn.Attribute("perm")?.Integers.Count == axis + 1);
    }

    /// <summary>The product with the values, and the type that the probabilities are cast to before.</summary>
    private static (OnnxNode Weighing, long? CastTo)? Weighed(OnnxNode softmax, OnnxIndex index, Func<string, bool> isInside)
    {
        var (tensor, castTo) = (softmax.Outputs[0], (long?)null);
        while (isInside(tensor))
        {
            var reader = index.Readers(tensor)[0];
            switch (reader.OpType)
            {
                case "MatMul" when reader.Input(0) == tensor && index.Constant(reader.Input(1)) is null:
                    return (reader, castTo);
                case "Cast":
                    castTo = reader.Attribute("to")?.Integer;
                    break;
                case "Identity":
                    break;
                default:
                    return null;
            }

            tensor = reader.Outputs[0];
        }

        return null;
    }

    /// <summary>Keys before they were turned, where the node before does just that.</summary>
    private static (string Key, bool IsTurned) Straight(string turned, OnnxIndex index)
    {
        if (index.Producer(turned) is { OpType: "Transpose" } turn && turn.Attribute("perm")?.Integers is { Count: > 1 } perm
            && perm[^1] == perm.Count - 2 && perm[^2] == perm.Count - 1 && perm.Take(perm.Count - 2).Select((axis, place) => axis == place).All(same => same))
        {
            return (turn.Input(0), false);
        }

        return (turned, true);
    }

    /// <summary>The product of queries and keys behind a Softmax, and what is done to it in between.</summary>
    private sealed record Scores(OnnxNode Product, float Scale, IReadOnlyList<(string OpType, string Factor)> Computed, long? CastTo)
    {
        public static Scores? Behind(OnnxNode softmax, OnnxGraph graph, OnnxIndex index, Func<string, bool> isInside)
        {
            var (tensor, scale, computed, castTo) = (softmax.Input(0), 1f, new List<(string, string)>(), (long?)null);
            while (isInside(tensor) && index.Producer(tensor) is { } node)
            {
                switch (node.OpType)
                {
                    case "MatMul":
                        return index.Constant(node.Input(0)) is null && index.Constant(node.Input(1)) is null
                            ? new Scores(node, scale, computed, castTo)
                            : null;
                    case "Cast" when computed.Count == 0:
                        castTo ??= node.Attribute("to")?.Integer;
                        break;
                    case "Mul" or "Div":
                        var factor = node.OpType == "Mul" && IsScalar(node.Input(0), index) ? 0 : 1;
                        if (index.Number(node.Input(factor), graph) is { } number)
                        {
                            scale = node.OpType == "Mul" ? scale * (float)number : scale / (float)number;
                        }
                        else if (IsScalar(node.Input(factor), index))
                        {
                            computed.Add((node.OpType, node.Input(factor)));
                        }
                        else
                        {
                            return null;
                        }

                        tensor = node.Input(1 - factor);
                        continue;
                    case "Identity":
                        break;
                    default:
                        return null;
                }

                tensor = node.Input(0);
            }

            return null;
        }

        /// <summary>Whether a tensor is a constant of one number, or arithmetic on one size of a shape.</summary>
        private static bool IsScalar(string tensor, OnnxIndex index)
        {
            var seen = new HashSet<string>();
            for (var waiting = new Stack<string>([tensor]); waiting.TryPop(out var one);)
            {
                if (!seen.Add(one))
                {
                    continue;
                }

                if (index.Initializer(one) is { } constant)
                {
                    if (constant.Dimensions.Any(size => size != 1))
                    {
                        return false;
                    }

                    continue;
                }

                switch (index.Producer(one))
                {
                    case { OpType: "Constant" } node when node.Attribute("value")?.Tensor?.Dimensions.All(size => size == 1) ?? true:
                    case { OpType: "Slice" or "Gather" } of when index.Producer(of.Input(0)) is { OpType: "Shape" }:
                        break;
                    case { OpType: "Sqrt" or "Mul" or "Div" or "Cast" or "Pow" or "Reciprocal" or "Identity" or "Squeeze" or "Unsqueeze" } node:
                        node.Inputs.ForEach(waiting.Push);
                        break;
                    default:
                        return false;
                }
            }

            return true;
        }
    }
}
