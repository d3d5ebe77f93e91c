using System.Runtime.InteropServices;

namespace StableDiffusion.Tests;

/// <summary>Graphs as other exporters would have written them.</summary>
internal static class TestGraphs
{
    /// <summary>The same graph with every node, tensor and weight renamed at random; only inputs and outputs keep their names.</summary>
    public static OnnxGraph Strip(OnnxGraph graph, int seed)
    {
        var random = new Random(seed);
        var kept = graph.Inputs.Concat(graph.Outputs).Select(v => v.Name).ToHashSet();
        graph.Rename(graph.Nodes.SelectMany(n => n.Reads.Concat(n.Outputs)).Concat(graph.Initializers.Select(i => i.Name))
            .Where(n => n.Length > 0 && !kept.Contains(n)).Distinct().ToDictionary(n => n, _ => $"t{random.NextInt64():x}"));
        graph.Nodes.ForEach(n => n.Name = "");
        return graph;
    }

    /// <summary>Replaces LayerNormalization by the nine nodes that PyTorch wrote before operator set 17.</summary>
    public static OnnxGraph WriteOutLayerNorms(OnnxGraph graph)
    {
        graph.Initializers.Add(Scalar("two", 2));
        graph.Initializers.Add(Scalar("epsilon", 1e-5f));
        graph.Initializers.Add(new OnnxInitializer("last_axis", OnnxElementType.Int64, [1], MemoryMarshal.AsBytes<long>([-1])));
        foreach (var norm in graph.Nodes.Where(n => n.OpType == "LayerNormalization").ToList())
        {
            Assert.Equal(1e-5f, norm.Attribute("epsilon")!.Float);
            var (x, y) = (norm.Inputs[0], norm.Outputs[0]);

            // operator set 18 made the axes an input
            OnnxNode Mean(string of, string to) => graph.OpsetVersion() >= 18
                ? new OnnxNode("ReduceMean", [of, "last_axis"], [to])
                : new OnnxNode("ReduceMean", [of], [to], OnnxAttribute.Of("axes", [-1]));
            OnnxNode[] nodes =
            [
                Mean(x, $"{y}_mean"),
                new("Sub", [x, $"{y}_mean"], [$"{y}_difference"]),
                new("Pow", [$"{y}_difference", "two"], [$"{y}_squares"]),
                Mean($"{y}_squares", $"{y}_variance"),
                new("Add", [$"{y}_variance", "epsilon"], [$"{y}_above_zero"]),
                new("Sqrt", [$"{y}_above_zero"], [$"{y}_deviation"]),
                new("Div", [$"{y}_difference", $"{y}_deviation"], [$"{y}_normal"]),
                new("Mul", [$"{y}_normal", norm.Inputs[1]], [$"{y}_scaled"]),
                new("Add", [$"{y}_scaled", norm.Inputs[2]], [y]),
            ];
            var at = graph.Nodes.IndexOf(norm);
            graph.Nodes.RemoveAt(at);
            graph.Nodes.InsertRange(at, nodes);
        }

        graph.Prune();
        return graph;
    }

    /// <summary>
    /// Makes the layer norms whose bits are set (0: the second norm of all) SkipLayerNormalization nodes, which do the addition
    /// before them too; every other one of these takes in a bias that is added before that.
    /// </summary>
    public static OnnxGraph FuseLayerNorms(OnnxGraph graph, int which)
    {
        graph.AddOpset("com.microsoft", 1);
        var norms = graph.Nodes.Where(n => n.OpType == "LayerNormalization").Skip(1).ToList();
        for (var k = 0; k < norms.Count; k++)
        {
            if ((which >> k & 1) == 0)
            {
                continue;
            }

            var index = new OnnxIndex(graph);
            var sum = index.Producer(norms[k].Inputs[0])!;
            var (skip, bias) = (sum.Inputs[1], "");
            if (k % 2 == 0 && index.Producer(skip) is { OpType: "Add" } add && index.Initializer(add.Inputs[0]) is not null)
            {
                (skip, bias) = (add.Inputs[1], add.Inputs[0]);
            }

            graph.Nodes[graph.Nodes.IndexOf(norms[k])] = new OnnxNode(
                "SkipLayerNormalization",
                [sum.Inputs[0], skip, norms[k].Inputs[1], norms[k].Inputs[2], .. bias.Length > 0 ? [bias] : Array.Empty<string>()],
                [norms[k].Outputs[0], "", "", sum.Outputs[0]],
                norms[k].Attribute("epsilon")!)
            {
                Domain = "com.microsoft",
            };
            graph.Nodes.Remove(sum);

            // a sum that nobody else reads is not written
            if (index.Readers(sum.Outputs[0]).Count == 1)
            {
                graph.Nodes.Find(n => n.Outputs.Contains(sum.Outputs[0]))!.Outputs.RemoveRange(1, 3);
            }
        }

        return graph;
    }

    private static OnnxInitializer Scalar(string name, float value) =>
        new(name, OnnxElementType.Float, [], MemoryMarshal.AsBytes<float>([value]));
}
