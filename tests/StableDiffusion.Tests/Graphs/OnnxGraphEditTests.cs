using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion.Tests;

public class OnnxGraphEditTests
{
    [Fact]
    public void Late_producers_move_up_to_just_before_their_first_reader()
    {
        // the order that a float16 converter leaves: Casts at the end
        var graph = Graph(["x"], ["d"], Node("Relu", "x", "a"), Node("Neg", "b", "c"), Node("Abs", "c", "d"), Node("Cast", "a", "b"));
        graph.Sort();

        Assert.Equal(["Relu", "Cast", "Neg", "Abs"], graph.Nodes.Select(n => n.OpType));
    }

    [Fact]
    public void A_sorted_graph_keeps_its_order()
    {
        var graph = OnnxGraph.Load(Path.Combine(TestModels.Folder, "sd1", "unet", "model.onnx"));
        var before = graph.Nodes.ToList();
        graph.Sort();

        Assert.Equal(before, graph.Nodes);
    }

    [Fact]
    public void A_graph_that_runs_in_a_circle_is_refused()
    {
        Assert.Throws<ModelException>(() => Graph(["x"], ["b"], Node("Neg", "b", "a"), Node("Abs", "a", "b")).Sort());
        Assert.Throws<ModelException>(() => Graph(["x"], ["a"], Node("Neg", "a", "a")).Sort());
    }

    [Fact]
    public void A_chain_of_fifty_thousand_nodes_is_walked_without_running_out_of_stack()
    {
        const int length = 50_000;
        var chain = Enumerable.Range(0, length).Select(k => Node("Identity", $"t{k}", $"t{k + 1}"));
        var graph = Graph(["t0"], [$"t{length}"], [.. chain.Reverse()]);
        graph.Sort();
        graph.Prune();

        Assert.Equal(length, graph.Nodes.Count);
        Assert.Equal("t1", graph.Nodes[0].Outputs[0]);
        Assert.Equal(("t0", false), new OnnxIndex(graph).Source($"t{length}"));
    }

    [Fact]
    public void Pruning_keeps_what_outputs_need_and_nothing_else()
    {
        var kept = new OnnxNode("Clip", ["x", "", "most"], ["y", ""]);
        var dead = new OnnxNode("Clip", ["x", "", "other"], ["z", ""]);
        var graph = Graph(["x", "unused", "other"], ["y"], kept, dead);
        graph.Initializers.Add(Float("most", 1));
        graph.Initializers.Add(Float("other", 1));
        graph.ValueInfos.Add(new OnnxValue("z", OnnxElementType.Float));
        graph.Prune();

        Assert.Equal([kept], graph.Nodes);
        Assert.Equal("most", Assert.Single(graph.Initializers).Name);
        Assert.Empty(graph.ValueInfos);

        // an input that only gave a dropped weight its name would have to be fed now
        Assert.Equal(["x", "unused"], graph.Inputs.Select(i => i.Name));
    }

    [Fact]
    public void Sources_are_seen_through_nodes_that_hand_on()
    {
        var graph = Graph(
            ["x"],
            ["y"],
            Node("Identity", "w", "a"),
            Node("Transpose", "a", "b"),
            Node("Cast", "b", "c"),
            Node("Transpose", "c", "d"),
            new OnnxNode("MatMul", ["x", "d"], ["y"]),
            new OnnxNode("Constant", [], ["k"], TensorAttribute(Float("", 5))),
            Node("Identity", "k", "l"));
        graph.Initializers.Add(Float("w", 2));
        var index = new OnnxIndex(graph);

        Assert.Equal(("w", true), index.Source("c"));
        Assert.Equal(("w", false), index.Source("d"));
        Assert.Equal("w", index.Constant("d")!.Name);
        Assert.Equal(BitConverter.GetBytes(5f), index.Constant("l")!.InlineBytes());
        Assert.Null(index.Constant("y"));
        Assert.Equal("MatMul", Assert.Single(index.Readers("d")).OpType);
        Assert.Null(index.Producer("x"));
    }

    [Fact]
    public void Sub_graphs_are_readers_and_are_renamed_too()
    {
        // y = flag ? -a : |a| with a = relu(x), where only the branches mention a
        static OnnxAttribute Branch(string name, string opType)
        {
            var output = $"{name}_y";
            var graph = new ProtobufWriter()
                .Field(1, Node(opType, "a", output).ToBytes())
                .Field(2, "branch"u8)
                .Field(12, new OnnxValue(output, OnnxElementType.Float).ToBytes());
            return new OnnxAttribute(new ProtobufWriter()
                .Raw(ProtobufField.Of(1, name).Encoded.Span).Field(6, graph.Written).Raw(ProtobufField.Of(20, 5L).Encoded.Span).ToArray());
        }

        var graph = Graph(["x"], ["y"],
            new OnnxNode("If", ["flag"], ["y"], Branch("then_branch", "Neg"), Branch("else_branch", "Abs")), Node("Relu", "x", "a"));
        graph.Inputs.Add(new OnnxValue("flag", OnnxElementType.Bool));
        graph.Sort();
        graph.Prune();
        graph.Rename(new Dictionary<string, string> { ["a"] = "renamed", ["then_branch_y"] = "also_renamed" });

        Assert.Equal(["Relu", "If"], graph.Nodes.Select(n => n.OpType));
        Assert.Contains("renamed", graph.Nodes[1].Reads);
        using var session = TestSession.Open(OnnxGraph.Parse(graph.ToBytes()));
        using var x = OrtValue.CreateTensorValueFromMemory([3f], [1]);
        foreach (var (flag, expected) in ((bool, float)[])[(true, -3), (false, 3)])
        {
            using var condition = OrtValue.CreateTensorValueFromMemory([flag], []);
            Assert.Equal([expected], TestSession.Run(session, new Dictionary<string, OrtValue> { ["x"] = x, ["flag"] = condition })["y"]);
        }
    }

    [Fact]
    public void An_inner_tensor_becomes_an_output_of_the_type_it_has()
    {
        var graph = OnnxGraph.Load(TestModels.TextEncoder("sd1-fp16-io32"));
        var norm = graph.Nodes.First(n => n.OpType == "LayerNormalization").Outputs[0];
        graph.AddOutput(norm);
        graph.AddOutput(norm);
        using var session = TestSession.Open(graph);

        Assert.Equal(Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Float16, session.OutputMetadata[norm].ElementDataType);
        Assert.Equal(77 * 2 * 32, TestSession.Run(session, seed: 1)[norm].Length);
    }

    [Fact]
    public void Nodes_attributes_and_constants_made_here_run()
    {
        var graph = Graph(["x"], ["y"],
            new OnnxNode("Transpose", ["x"], ["t"], OnnxAttribute.Of("perm", [1, 0])) { Name = "turn" },
            new OnnxNode("LeakyRelu", ["t"], ["r"], OnnxAttribute.Of("alpha", 0.5f)),
            new OnnxNode("Softmax", ["r"], ["s"], OnnxAttribute.Of("axis", -1)),
            new OnnxNode("Mul", ["s", "two"], ["y"]));
        graph.Initializers.Add(Float("two", 2));
        var again = OnnxGraph.Parse(graph.ToBytes());

        Assert.Equal([1L, 0L], again.Nodes[0].Attribute("perm")!.Integers);
        Assert.Equal(0.5f, again.Nodes[1].Attribute("alpha")!.Float);
        Assert.Equal(-1, again.Nodes[2].Attribute("axis")!.Integer);
        Assert.Equal("turn", again.Nodes[0].Name);
        using var session = TestSession.Open(again);
        using var x = OrtValue.CreateTensorValueFromMemory([0f, 0f], [2, 1]);
        Assert.Equal([1f, 1f], TestSession.Run(session, new Dictionary<string, OrtValue> { ["x"] = x })["y"]);
    }

    [Fact]
    public void Free_names_are_free()
    {
        var graph = Graph(["x"], ["y"], Node("Neg", "x", "sum"), Node("Neg", "sum", "sum_2"), Node("Neg", "sum_2", "y"));

        Assert.Equal("total", graph.FreeName("total"));
        Assert.Equal("sum_3", graph.FreeName("sum"));
        Assert.Equal("x_2", graph.FreeName("x"));
    }

    [Fact]
    public void Values_are_read_from_the_typed_fields_that_older_exporters_use()
    {
        static byte[] Values(OnnxElementType type, params ProtobufField[] fields) => new OnnxInitializer(
            (byte[])[.. ProtobufField.Of(2, (long)type).Encoded.Span, .. fields.SelectMany(f => f.Encoded.ToArray())]).InlineBytes();

        var floats = MemoryMarshal.AsBytes<float>([1.5f, -2]).ToArray();
        Assert.Equal(floats, Values(OnnxElementType.Float, ProtobufField.Of(4, 1.5f), ProtobufField.Of(4, -2f)));
        Assert.Equal(floats, Values(OnnxElementType.Float, ProtobufField.Of(4, floats)));
        Assert.Equal(MemoryMarshal.AsBytes<long>([-7]), Values(OnnxElementType.Int64, ProtobufField.Of(7, -7L)));
        Assert.Equal(MemoryMarshal.AsBytes<int>([-7]), Values(OnnxElementType.Int32, ProtobufField.Of(5, -7L)));
        Assert.Equal(MemoryMarshal.AsBytes<ushort>([0x3C00]), Values(OnnxElementType.Float16, ProtobufField.Of(5, 0x3C00L)));
        Assert.Equal([1], Values(OnnxElementType.Bool, ProtobufField.Of(5, 1L)));
        Assert.Throws<ModelException>(() => Values(OnnxElementType.Text));
    }

    private static OnnxNode Node(string opType, string input, string output) => new(opType, [input], [output]);

    private static OnnxInitializer Float(string name, float value) => new(name, OnnxElementType.Float, [], BitConverter.GetBytes(value));

    private static OnnxAttribute TensorAttribute(OnnxInitializer tensor) => new(new ProtobufWriter()
        .Raw(ProtobufField.Of(1, "value").Encoded.Span).Field(5, tensor.ToBytes()).Raw(ProtobufField.Of(20, 4L).Encoded.Span).ToArray());

    // IR version 8, operator set 17, an empty graph named g
    private static OnnxGraph Graph(string[] inputs, string[] outputs, params OnnxNode[] nodes)
    {
        var graph = OnnxGraph.Parse(new ProtobufWriter()
            .Raw(ProtobufField.Of(1, 8L).Encoded.Span).Field(7, ProtobufField.Of(2, "g").Encoded.Span).ToArray()
            .Concat(ProtobufField.Of(8, ProtobufField.Of(2, 17L).Encoded.Span).Encoded.ToArray()).ToArray());
        graph.Inputs.AddRange(inputs.Select(i => new OnnxValue(i, OnnxElementType.Float)));
        graph.Outputs.AddRange(outputs.Select(o => new OnnxValue(o, OnnxElementType.Float)));
        graph.Nodes.AddRange(nodes);
        return graph;
    }
}
