namespace StableDiffusion.Tests;

/// <summary>Graphs that no exporter writes, before the edits that every network is given.</summary>
public sealed class HostileGraphTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("Softmax", 0)]
    [InlineData("MatMul", 0)]
    [InlineData("MatMul", 1)]
    [InlineData("Mul", 1)]
    [InlineData("Transpose", 0)]
    [InlineData("Reshape", 1)]
    [InlineData("Conv", 1)]
    public void A_network_whose_nodes_lack_inputs_is_refused(string type, int kept)
    {
        _folder.Fill(Goldens.PathOf("models", "sd1"));
        var path = Path.Combine(_folder.Path, "unet", "model.onnx");
        var graph = OnnxGraph.Load(path);
        foreach (var node in graph.Nodes.Where(node => node.OpType == type))
        {
            node.Inputs.RemoveRange(kept, node.Inputs.Count - kept);
        }

        graph.Save(path + ".new");
        File.Move(path + ".new", path, overwrite: true);
        using var pipeline = TextToImagePipeline.Load(_folder.Path, new PipelineOptions { Device = ExecutionDevice.Cpu });

        var error = Assert.Throws<ModelException>(() => pipeline.Generate(new ImageRequest { Prompt = "a cat", Steps = 1 }).ToList());

        Assert.Contains("model.onnx", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Each doubles the paths to its end: there are 2^200 of them.</summary>
    [Fact(Timeout = 300_000)]
    public Task A_scale_of_many_ways_is_gone_through_once() => Task.Run(() => FuseWithScale(graph =>
    {
        for (var i = 0; i < 200; i++)
        {
            graph.Nodes.Add(new OnnxNode("Mul", [$"way{i}", $"way{i}"], [$"way{i + 1}"]));
        }

        return ("way0", "way200");
    }));

    [Fact(Timeout = 300_000)]
    public Task A_scale_that_is_long_does_not_end_the_process() => Task.Run(() => FuseWithScale(graph =>
    {
        for (var i = 0; i < 200_000; i++)
        {
            graph.Nodes.Add(new OnnxNode("Identity", [$"way{i}"], [$"way{i + 1}"]));
        }

        return ("way0", "way200000");
    }));

    [Fact(Timeout = 300_000)]
    public Task A_scale_that_leads_back_to_itself_is_refused() => Task.Run(() => Assert.Throws<ModelException>(() => FuseWithScale(graph =>
    {
        graph.Nodes.Add(new OnnxNode("Mul", ["round", "round"], ["half"]));
        graph.Nodes.Add(new OnnxNode("Sqrt", ["half"], ["round"]));
        return ("start", "round");
    })));

    /// <summary>Multiplies what every Softmax of a U-Net is given, and its queries and keys, with a scale that a test makes of the size of a shape.</summary>
    private static void FuseWithScale(Func<OnnxGraph, (string First, string Last)> make)
    {
        var graph = OnnxGraph.Load(Goldens.PathOf("models", "sd1", "unet", "model.onnx"));
        var softmaxes = graph.Nodes.Where(node => node.OpType == "Softmax").ToList();
        Assert.NotEmpty(softmaxes);
        var (first, last) = make(graph);
        graph.Nodes.Insert(0, new OnnxNode("Shape", ["sample"], ["shape"]));
        graph.Nodes.Insert(1, new OnnxNode("Gather", ["shape", "axis"], [first]));
        graph.Initializers.Add(new OnnxInitializer("axis", OnnxElementType.Int64, [], new byte[8]));
        var index = new OnnxIndex(graph);
        foreach (var softmax in softmaxes)
        {
            var product = index.Producer(softmax.Inputs[0])!;
            while (product.OpType != "MatMul")
            {
                product = index.Producer(product.Inputs[0])!;
            }

            Scale(softmax, 0);
            Scale(product, 0);
            Scale(product, 1);
        }

        void Scale(OnnxNode node, int input)
        {
            var scaled = $"{node.Outputs[0]}_{input}_scaled";
            graph.Nodes.Add(new OnnxNode("Mul", [node.Inputs[input], last], [scaled]));
            OnnxNode.Put(node.Inputs, input, scaled);
        }

        new FusedAttentionEdit().Apply(graph);
    }
}
