namespace StableDiffusion.Tests;

/// <summary>SDXL exports whose text encoders give their last state alone, as older exporters wrote them.</summary>
public sealed class HiddenStateTests : IDisposable
{
    private readonly TemporaryFolder _model = new();

    public void Dispose() => _model.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void An_export_without_hidden_states_paints_as_one_that_has_them(int clipSkip)
    {
        _model.Fill(Goldens.PathOf("models", "sdxl"));

        foreach (var network in (string[])["text_encoder/model.onnx", "text_encoder_2/model.onnx"])
        {
            var graph = OnnxGraph.Parse(File.ReadAllBytes(_model.PathOf(network)));
            Assert.NotEqual(0, graph.Outputs.RemoveAll(output => output.Name.StartsWith("hidden_states.", StringComparison.Ordinal)));
            File.WriteAllBytes(_model.PathOf(network), graph.ToBytes());
        }

        var request = new ImageRequest { Prompt = "a glass castle", Steps = 2, Width = 64, Height = 64, Seeds = [5], ClipSkip = clipSkip };

        Assert.Equal(Latents(Goldens.PathOf("models", "sdxl"), request), Latents(_model.Path, request));
    }

    private static float[] Latents(string model, ImageRequest request)
    {
        using var pipeline = TextToImagePipeline.Load(model, new PipelineOptions { Device = ExecutionDevice.Cpu });
        return pipeline.Generate(request).Single().Latents.Values;
    }
}
