namespace StableDiffusion.Tests;

public class FusedAttentionTests
{
    // Outputs reach 2.7. Measured 2e-6; float16 networks differ from themselves in float32 by 1e-2.
    private const double Tolerance = 1e-5;
    private const double HalfTolerance = 1e-2;

    /// <summary>UNets have two attentions a transformer block, autoencoders one in the middle.</summary>
    public static TheoryData<string> Networks => new()
    {
        "sd1/unet",
        "sd1-external/unet",
        "sd1-static/unet",
        "sd1-legacy/unet",
        "sd1-fp16/unet",
        "sd1-fp16-io32/unet",
        "sd2/unet",
        "sdxl/unet",
        "turbo/unet",
        "lcm/unet",
        "inpaint/unet",
        "sd1/vae_decoder",
        "sd1/vae_encoder",
    };

    [Theory]
    [MemberData(nameof(Networks))]
    public void Every_attention_of_the_networks_is_fused_and_gives_the_same(string network)
    {
        var path = Path.Combine(TestModels.Folder, network, "model.onnx");
        var graph = TestGraphs.Strip(OnnxGraph.Load(path), seed: 3);
        var attentions = graph.Nodes.Count(node => node.OpType == "Softmax");
        var edit = new FusedAttentionEdit();
        edit.Apply(graph);

        Assert.InRange(attentions, 1, int.MaxValue);
        Assert.Equal(attentions, edit.Fused);
        Assert.Equal(attentions, graph.Nodes.Count(node => node.OpType == "MultiHeadAttention"));
        Assert.DoesNotContain(graph.Nodes, node => node.OpType == "Softmax");
        Assert.DoesNotContain(graph.Nodes, IsScaledOtherwise);
        using var plain = TestSession.Open(path);
        using var fused = TestSession.Open(graph);
        var tolerance = network.Contains("fp16", StringComparison.Ordinal) ? HalfTolerance : Tolerance;
        foreach (var (output, values) in TestSession.Run(plain, seed: 7))
        {
            Assert.InRange(TestSession.Difference(values, TestSession.Run(fused, seed: 7)[output]), 0, tolerance);
        }
    }

    /// <summary>Norms, rotary factors and the joining of text and picture stand between projections and scores; pictures are held to diffusers' elsewhere.</summary>
    [Theory]
    [InlineData("sd3", 2)]
    [InlineData("flux-dev", 3)]
    [InlineData("flux-schnell", 3)]
    [InlineData("dit", 2)]
    public void The_joint_attention_of_transformers_is_fused(string model, int attentions)
    {
        var graph = OnnxGraph.Load(Path.Combine(Repository.Root, "tests", "goldens", "families", "models", model, "transformer", "model.onnx"));
        Assert.Equal(attentions, graph.Nodes.Count(node => node.OpType == "Softmax"));

        new FusedAttentionEdit().Apply(graph);

        Assert.DoesNotContain(graph.Nodes, node => node.OpType == "Softmax");
        Assert.Equal(attentions, graph.Nodes.Count(node => node.OpType == "MultiHeadAttention"));
        Assert.DoesNotContain(graph.Nodes, IsScaledOtherwise);
    }

    [Fact]
    public void A_scale_that_is_not_one_over_the_root_of_the_width_stays_as_it_is_computed()
    {
        // One over the width, then.
        OnnxGraph Strange()
        {
            var graph = OnnxGraph.Load(Path.Combine(TestModels.Folder, "sd2", "unet", "model.onnx"));
            foreach (var root in graph.Nodes.Where(node => node.OpType == "Sqrt" && node.Inputs[0].EndsWith("Cast_3_output_0", StringComparison.Ordinal)))
            {
                root.OpType = "Identity";
            }

            return TestGraphs.Strip(graph, seed: 3);
        }

        var graph = Strange();
        new FusedAttentionEdit().Apply(graph);

        Assert.Contains(graph.Nodes, IsScaledOtherwise);
        using var plain = TestSession.Open(Strange());
        using var fused = TestSession.Open(graph);
        foreach (var (output, values) in TestSession.Run(plain, seed: 7))
        {
            Assert.InRange(TestSession.Difference(values, TestSession.Run(fused, seed: 7)[output]), 0, Tolerance);
        }
    }

    [Fact]
    public void Masked_attention_and_attention_that_is_looked_at_stay_as_they_are()
    {
        var masked = OnnxGraph.Load(TestModels.TextEncoder("sd1"));
        var edit = new FusedAttentionEdit();
        edit.Apply(masked);
        Assert.Equal(0, edit.Fused);

        var watched = OnnxGraph.Load(Path.Combine(TestModels.Folder, "sd1", "unet", "model.onnx"));
        var maps = new AttentionMapsEdit();
        maps.Apply(watched);
        edit.Apply(watched);
        Assert.NotEmpty(maps.Outputs);
        Assert.Equal(maps.Outputs.Count, watched.Nodes.Count(node => node.OpType == "Softmax"));
    }

    /// <summary>Whether an attention is scaled by a number of the graph's own, where diffusers' are all scaled by one over the root of the width.</summary>
    private static bool IsScaledOtherwise(OnnxNode node) => node.OpType == "MultiHeadAttention" && node.Attribute("scale") is not null;
}
