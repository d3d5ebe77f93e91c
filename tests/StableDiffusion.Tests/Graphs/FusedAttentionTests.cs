namespace StableDiffusion.Tests;

public class FusedAttentionTests
{
    // Outputs reach 2.7. Measured 2e-6; float16 networks differ from themselves in float32 by 1e-2.
    private const double Tolerance = 1e-5;
    private const double HalfTolerance = 1e-2;

    /// <summary>Networks with the number of their attentions: two a transformer block of a UNet, one in an autoencoder's middle.</summary>
    public static TheoryData<string, int> Networks => new()
    {
        { "sd1/unet", 8 },
        { "sd1-external/unet", 8 },
        { "sd1-static/unet", 8 },
        { "sd1-legacy/unet", 8 },
        { "sd1-fp16/unet", 8 },
        { "sd1-fp16-io32/unet", 8 },
        { "sd2/unet", 8 },
        { "sdxl/unet", 16 },
        { "turbo/unet", 8 },
        { "lcm/unet", 8 },
        { "inpaint/unet", 8 },
        { "sd1/vae_decoder", 1 },
        { "sd1/vae_encoder", 1 },
    };

    [Theory]
    [MemberData(nameof(Networks))]
    public void Every_attention_of_the_networks_is_fused_and_gives_the_same(string network, int attentions)
    {
        var path = Path.Combine(TestModels.Folder, network, "model.onnx");
        var graph = TestGraphs.Strip(OnnxGraph.Load(path), seed: 3);
        var edit = new FusedAttentionEdit();
        edit.Apply(graph);

        Assert.Equal(attentions, edit.Fused);
        Assert.Equal(attentions, graph.Nodes.Count(node => node.OpType == "MultiHeadAttention"));
        Assert.DoesNotContain(graph.Nodes, node => node.OpType == "Softmax");
        using var plain = TestSession.Open(path);
        using var fused = TestSession.Open(graph);
        var tolerance = network.Contains("fp16", StringComparison.Ordinal) ? HalfTolerance : Tolerance;
        foreach (var (output, values) in TestSession.Run(plain, seed: 7))
        {
            Assert.InRange(TestSession.Difference(values, TestSession.Run(fused, seed: 7)[output]), 0, tolerance);
        }
    }
}
