namespace StableDiffusion.Tests;

/// <summary>LoRAs in graphs of other exporters, against the plain export, whose numbers are held to diffusers by the golden pictures.</summary>
public sealed class LoraEditTests
{
    /// <summary>UNet outputs reach 2.3, and the LoRA changes them by 0.5; merged weights and side paths sum in different orders.</summary>
    private const double Tolerance = 1e-5;

    /// <summary>float16 rounds weights and sums to 11 bits.</summary>
    private const double HalfTolerance = 5e-2;

    private const long MergeAll = long.MaxValue;
    private const long MergeNone = 0;

    public static TheoryData<string, string, string> Cases =>
        [.. from file in (string[])["kohya-r4.safetensors", "kohya-locon-r2-a1.safetensors", "peft-r4.safetensors"]
            from model in (string[])["sd1", "sd1-external", "sd1-legacy", "sd1-static", "sd1-fp16", "sd1-fp16-io32"]
            from part in (string[])["unet", "text_encoder"]
            where part == "unet" || file.StartsWith("kohya-r4", StringComparison.Ordinal)
            select (file, model, part)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Merged_weights_and_side_paths_say_the_same_with_names_and_without(string file, string model, string part)
    {
        var plain = Run(model, part, file, MergeAll, strip: false, out var merged);
        var (beside, stripped, strippedBeside) = (
            Run(model, part, file, MergeNone, strip: false, out var plus),
            Run(model, part, file, MergeAll, strip: true, out _),
            Run(model, part, file, MergeNone, strip: true, out _));
        var tolerance = model.Contains("fp16", StringComparison.Ordinal) ? HalfTolerance : Tolerance;

        Assert.DoesNotContain(merged.Nodes, node => node.Outputs[0].StartsWith("lora", StringComparison.Ordinal));
        Assert.Contains(plus.Nodes, node => node.Outputs[0].StartsWith("lora", StringComparison.Ordinal));
        Assert.True(TestSession.Difference(plain, Run(model, part, null, MergeAll, strip: false, out _)) > 0.05, "the LoRA changes nothing");
        Assert.InRange(TestSession.Difference(plain, beside), 0, tolerance);
        Assert.InRange(TestSession.Difference(plain, stripped), 0, tolerance);
        Assert.InRange(TestSession.Difference(plain, strippedBeside), 0, tolerance);
    }

    [Fact]
    public void A_weight_that_several_modules_read_is_changed_for_one_alone()
    {
        // torch writes equal weights once, with an Identity for the second reader
        const string a = "up_blocks.0.attentions.0.transformer_blocks.0.attn1.to_k", b = "up_blocks.0.attentions.1.transformer_blocks.0.attn1.to_k";
        OnnxGraph Shared(bool through)
        {
            var graph = Load("sd1", "unet");
            var modules = Table(graph).Modules;
            if (through)
            {
                graph.Nodes.Insert(0, new OnnxNode("Identity", [modules[a].Weight], ["alias"]));
                modules[b].Node.Inputs[1] = "alias";
            }
            else
            {
                var at = graph.Initializers.FindIndex(weight => weight.Name == modules[b].Weight);
                var same = graph.Initializers.Find(weight => weight.Name == modules[a].Weight)!;
                graph.Initializers[at] = new OnnxInitializer(modules[b].Weight, same.ElementType, same.Dimensions, graph.ReadBytes(same));
            }

            return graph;
        }

        var (plain, shared) = (Shared(through: false), Shared(through: true));
        foreach (var graph in (OnnxGraph[])[plain, shared])
        {
            Set("sd1", "kohya-r4.safetensors").Apply(graph, "unet", MergeAll);
        }

        Assert.InRange(TestSession.Difference(Output(plain), Output(shared)), 0, Tolerance);
    }

    [Fact]
    public void Without_names_a_graph_whose_queries_and_keys_are_swapped_is_refused()
    {
        var graph = TestGraphs.Strip(Load("sd1", "unet"), seed: 1);
        graph.Sort();
        var roles = AttentionRoles.Find(graph, new OnnxIndex(graph));
        var two = graph.Nodes.Where(node => roles.TryGetValue(node, out var role) && role is 'q' or 'k').Take(2).ToList();
        var (first, second) = (graph.Nodes.IndexOf(two[0]), graph.Nodes.IndexOf(two[1]));
        (graph.Nodes[first], graph.Nodes[second]) = (two[1], two[0]);

        Assert.Equal(['q', 'k'], two.Select(node => roles[node]));
        Assert.Contains("lost the names", Assert.Throws<ModelException>(() => Table(graph)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sd1", "unet", 83)]
    [InlineData("sd2", "unet", 83)]
    [InlineData("sdxl", "unet", 125)]
    [InlineData("lcm", "unet", 84)]
    [InlineData("inpaint", "unet", 83)]
    [InlineData("sdxl", "text_encoder", 18)]
    [InlineData("sdxl", "text_encoder_2", 19)]
    public void The_order_that_a_configuration_describes_is_that_of_the_names(string model, string part, int modules)
    {
        // The counts: module names of diffusers' own classes with Conv2d and Linear layers.
        var graph = Load(model, part);
        var named = Table(graph).Modules;

        var order = ModuleOrder.Read(graph.Path)!.Modules;

        Assert.Equal(modules, named.Count);
        Assert.Equal(named.Select(module => (module.Key, Shape: string.Join(',', module.Value.Shape))), order.Select(module => (module.Path, Shape: string.Join(',', module.Shape))));
    }

    private static float[] Run(string model, string part, string? file, long mostMergedBytes, bool strip, out OnnxGraph graph)
    {
        graph = Load(model, part);
        if (strip)
        {
            TestGraphs.Strip(graph, seed: 7);
        }

        if (file is not null)
        {
            Set(model, file).Apply(graph, part, mostMergedBytes);
        }

        return Output(graph);
    }

    private static LoraSet Set(string model, string file) =>
        new([new Lora(LoraGoldens.PathOf(file))], ModelFolder.Open(Path.Combine(TestModels.Folder, model)), Assert.Fail);

    private static OnnxGraph Load(string model, string part) => OnnxGraph.Load(Path.Combine(TestModels.Folder, model, part, "model.onnx"));

    private static ModuleTable Table(OnnxGraph graph) => ModuleTable.Of(graph, new OnnxIndex(graph), ModuleOrder.Read(graph.Path));

    private static float[] Output(OnnxGraph graph)
    {
        using var session = TestSession.Open(graph);
        return TestSession.Run(session, seed: 3)[graph.Outputs[0].Name];
    }
}
