namespace StableDiffusion;

/// <summary>Which projections make the queries, keys and values of each attention, found from what a Softmax reads and weighs.</summary>
internal static class AttentionRoles
{
    private const int LongestWay = 8;

    /// <summary>'q', 'k' or 'v' for each projection that was found.</summary>
    public static IReadOnlyDictionary<OnnxNode, char> Find(OnnxGraph graph, OnnxIndex index)
    {
        var moving = Moving(graph);
        var roles = new Dictionary<OnnxNode, char>(ReferenceEqualityComparer.Instance);
        foreach (var softmax in graph.Nodes.Where(node => node.OpType == "Softmax"))
        {
            if (Scores(softmax.Input(0), index, moving) is not { } scores)
            {
                continue;
            }

            Mark('q', scores.Input(0));
            Mark('k', scores.Input(1));
            if (Weighing(softmax.Outputs[0], index) is { } weighing)
            {
                Mark('v', weighing.Input(1));
            }
        }

        return roles;

        void Mark(char role, string tensor)
        {
            foreach (var projection in Projections(tensor, index))
            {
                roles[projection] = role;
            }
        }
    }

    /// <summary>Every tensor that depends on what the graph is fed.</summary>
    private static HashSet<string> Moving(OnnxGraph graph)
    {
        var moving = graph.Inputs.Select(input => input.Name).Except(graph.Initializers.Select(weight => weight.Name)).ToHashSet();
        foreach (var node in graph.Nodes.Where(node => node.Reads.Any(moving.Contains)))
        {
            moving.UnionWith(node.Outputs);
        }

        return moving;
    }

    /// <summary>The product of queries and keys behind a tensor, through scaling, masks and casts.</summary>
    private static OnnxNode? Scores(string tensor, OnnxIndex index, HashSet<string> moving)
    {
        for (var step = 0; step < LongestWay && index.Producer(tensor) is { } node; step++)
        {
            if (node.OpType == "MatMul")
            {
                return index.Constant(node.Input(1)) is null ? node : null;
            }

            if (node.OpType is not ("Mul" or "Div" or "Add" or "Sub" or "Cast" or "Reshape" or "Where" or "Identity"))
            {
                return null;
            }

            tensor = node.Inputs.Find(input => moving.Contains(input) && index.Producer(input) is { OpType: not ("Shape" or "Slice") }) ?? "";
        }

        return null;
    }

    /// <summary>The product of the softmax and the values.</summary>
    private static OnnxNode? Weighing(string tensor, OnnxIndex index)
    {
        for (var step = 0; step < LongestWay; step++)
        {
            if (index.Readers(tensor).FirstOrDefault(node => node.OpType is "MatMul" or "Cast" or "Reshape") is not { } node)
            {
                return null;
            }

            if (node.OpType == "MatMul")
            {
                return node;
            }

            tensor = node.Outputs[0];
        }

        return null;
    }

    /// <summary>The nodes with a constant weight that a tensor comes from, with nothing but reshapes, scalings and permutations between.</summary>
    private static IEnumerable<OnnxNode> Projections(string tensor, OnnxIndex index)
    {
        var seen = new HashSet<string>();
        var waiting = new Stack<string>([tensor]);
        while (waiting.TryPop(out var next))
        {
            if (!seen.Add(next) || index.Producer(next) is not { } node)
            {
                continue;
            }

            if (node.OpType is "MatMul" or "Gemm")
            {
                if (index.Constant(node.Input(1)) is not null)
                {
                    yield return node;
                }

                continue;
            }

            if (node.OpType is not ("Conv" or "Softmax" or "LayerNormalization" or "Shape" or "Size"))
            {
                node.Reads.ToList().ForEach(waiting.Push);
            }
        }
    }
}
