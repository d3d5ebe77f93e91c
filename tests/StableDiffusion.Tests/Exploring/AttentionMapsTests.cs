namespace StableDiffusion.Tests;

public class AttentionMapsTests
{
    /// <summary>Cross attentions of the small pipelines: <c>attn2</c> modules of diffusers' UNet2DConditionModel with these configurations.</summary>
    [Theory]
    [InlineData("sd1", 4)]
    [InlineData("sd1-legacy", 4)]
    [InlineData("sd1-static", 4)]
    [InlineData("sd1-external", 4)]
    [InlineData("sd1-fp16", 4)]
    [InlineData("sd2", 4)]
    [InlineData("turbo", 4)]
    [InlineData("lcm", 4)]
    [InlineData("inpaint", 4)]
    [InlineData("sdxl", 8)]
    public void Every_cross_attention_is_found(string model, int layers)
    {
        var graph = OnnxGraph.Load(Goldens.PathOf("models", model, "unet", "model.onnx"));
        graph.Sort();
        var found = AttentionMapsEdit.Find(graph);
        Assert.Equal(layers, found.Count);
        Assert.All(found, name => Assert.Contains("attn2", name, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("sd1")]
    [InlineData("sdxl")]
    public void Each_place_spreads_its_attention_over_the_words(string model)
    {
        using var pipeline = TextToImagePipeline.Load(Goldens.PathOf("models", model), new PipelineOptions { Device = ExecutionDevice.Cpu });
        var probe = pipeline.Probe(new ImageRequest { Prompt = "a red apple" }, TestContext.Current.CancellationToken);
        var latents = probe.Plan.EmptyLatents();
        new TorchRandom(1).Draw(latents.Values);
        using var attention = probe.OpenAttention();
        var layers = attention!.Look(latents, 500);
        foreach (var layer in layers)
        {
            Assert.Equal(layer.Values.Length, layer.Heads * layer.Height * layer.Width * layer.Tokens);
            var sums = layer.Values.Chunk(layer.Tokens).Select(place => place.Sum());
            Assert.All(sums, sum => Assert.Equal(1, sum, 1e-4f));
        }

        var maps = new HeatMaps(latents.Height, latents.Width, layers[0].Tokens);
        maps.Add(layers);
        var all = Enumerable.Range(0, layers[0].Tokens).SelectMany(maps.Of).ToArray();
        Assert.Equal(latents.Height * latents.Width, all.Sum(), 0.05 * latents.Height * latents.Width);
    }

    /// <summary>torch.nn.functional.interpolate([[0, 1, 2], [3, −1, 5]], size=(4, 6), mode="bicubic"), torch 1.13; below 0 is clamped.</summary>
    [Fact]
    public void Maps_are_enlarged_as_torch_does()
    {
        float[] expected =
        [
            -0.477493f, 0.013016f, 0.815048f, 1.479111f, 1.630203f, 1.733444f,
            0.693695f, 0.574615f, 0.35202f, 1.016083f, 2.191803f, 2.904633f,
            2.622711f, 1.499603f, -0.410614f, 0.253448f, 3.116791f, 4.833649f,
            3.7939f, 2.061203f, -0.873642f, -0.209579f, 3.678391f, 6.004837f,
        ];
        var maps = new HeatMaps(4, 6, 1);
        maps.Add([new AttentionLayer([0, 1, 2, 3, -1, 5], 1, 2, 3, 1)]);
        foreach (var (one, other) in expected.Zip(maps.Of(0)))
        {
            Assert.Equal(Math.Max(one, 0), other, 2e-6f);
        }
    }

    [Fact]
    public void A_true_prediction_leads_back_to_picture_and_noise()
    {
        using var pipeline = TextToImagePipeline.Load(Goldens.PathOf("models", "sd2"), new PipelineOptions { Device = ExecutionDevice.Cpu });
        var probe = pipeline.Probe(new ImageRequest { Prompt = "a red apple" }, TestContext.Current.CancellationToken);
        var clean = probe.Plan.EmptyLatents();
        new TorchRandom(1).Draw(clean.Values);
        var noise = new float[clean.Values.Length];
        new TorchRandom(2).Draw(noise);
        var noisy = probe.Forward.Noise(clean, noise, 400);

        // sd2 predicts v = α·ε − σ·x₀ (Salimans and Ho 2022): the true one leads back to picture and noise.
        var (alpha, sigma) = probe.Forward.At(400);
        float[] truth = [.. noise.Zip(clean.Values, (e, x) => (alpha * e) - (sigma * x))];
        Assert.All(probe.CleanOf(noisy, truth, 400).Values.Zip(clean.Values), pair => Assert.Equal(pair.Second, pair.First, 1e-5f));
        Assert.All(probe.NoiseOf(noisy, truth, 400).Zip(noise), pair => Assert.Equal(pair.Second, pair.First, 1e-5f));
        Assert.Equal(truth, probe.TargetOf(clean, noise, 400), (one, other) => MathF.Abs(one - other) < 1e-5f);
    }
}
