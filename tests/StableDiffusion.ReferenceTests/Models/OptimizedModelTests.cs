namespace StableDiffusion.Tests;

/// <summary>Models written anew.</summary>
public sealed class OptimizedModelTests : IDisposable
{
    private static readonly ImageRequest _request = new() { Prompt = "a red apple", Seeds = [1], Steps = 3, Width = 64, Height = 64 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("sd1")]
    [InlineData("sd1-external")]
    [InlineData("sd1-fp16")]
    [InlineData("sd1-legacy")]
    [InlineData("sdxl")]
    public void A_copy_with_full_weights_paints_what_the_program_paints_with_the_model(string model)
    {
        var networks = Write(model, OptimizedWeights.Full);

        Assert.All(networks, network => Assert.InRange(network.BytesAfter, 0.9 * network.BytesBefore, 1.2 * network.BytesBefore));
        Assert.InRange(networks.Single(network => network.Part == "unet").Fused, 4, 20);
        Assert.Equal(["copy"], _folder.Names());
        Assert.DoesNotContain(OnnxGraph.Load(_folder.PathOf("copy/unet/model.onnx")).Nodes, node => node.OpType == "Softmax");

        // The graph is the same as the one that the program makes in memory, so the picture is too.
        var (expected, actual) = (Paint(Goldens.PathOf("models", model), _request), Paint(_folder.PathOf("copy"), _request));
        Assert.InRange(Differences.Largest(actual.Latents.Values, expected.Latents.Values), 0, 1e-4);
        Assert.InRange(Differences.Largest(actual.Image, expected.Image), 0, 1);
    }

    [Fact]
    public void Weights_of_8_bits_are_those_that_the_program_makes_in_memory()
    {
        var networks = Write("sd1", OptimizedWeights.EightBit);
        var unet = networks.Single(network => network.Part == "unet");
        Assert.InRange(unet.BytesAfter, 0.4 * unet.BytesBefore, 0.95 * unet.BytesBefore);
        Assert.InRange(unet.Rounded, 40, 100);

        var (expected, actual) = (Paint(Goldens.PathOf("models", "sd1"), _request, WeightPrecision.EightBit), Paint(_folder.PathOf("copy"), _request));
        Assert.InRange(Differences.Largest(actual.Latents.Values, expected.Latents.Values), 0, 1e-4);
    }

    [Fact]
    public void Weights_of_16_bits_take_half_and_change_little()
    {
        var networks = Write("sd1", OptimizedWeights.Half);
        Assert.All(networks, network => Assert.InRange(network.BytesAfter, 0.45 * network.BytesBefore, 0.75 * network.BytesBefore));

        // Weights rounded to 11 bits; the float16 export of this model differs by up to 1, for it rounds sums too (README, parity).
        var (expected, actual) = (Paint(Goldens.PathOf("models", "sd1"), _request).Latents.Values, Paint(_folder.PathOf("copy"), _request).Latents.Values);
        Assert.InRange(Differences.Largest(actual, expected), 1e-6, 0.05 * expected.Max(MathF.Abs));
    }

    [Theory]
    [InlineData("full", 1e-3)]
    [InlineData("half", 0.1)]
    [InlineData("8 bits", 0.5)]
    public void A_lora_fits_the_copy_by_the_names_of_its_modules(string weights, double share)
    {
        Write("sd1", weights == "full" ? OptimizedWeights.Full : weights == "half" ? OptimizedWeights.Half : OptimizedWeights.EightBit);
        var changed = _request with { Loras = [new Lora(LoraGoldens.PathOf("kohya-r4.safetensors"))] };
        var (plain, expected, actual) = (
            Paint(Goldens.PathOf("models", "sd1"), _request).Latents.Values,
            Paint(Goldens.PathOf("models", "sd1"), changed).Latents.Values,
            Paint(_folder.PathOf("copy"), changed).Latents.Values);

        Assert.InRange(Differences.Largest(actual, expected), 0, share * Differences.Largest(plain, expected));
    }

    [Fact]
    public void Nothing_is_left_of_a_copy_that_is_stopped_or_not_published()
    {
        var folder = ModelFolder.Open(Goldens.PathOf("models", "sd1"));
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => OptimizedModel.Write(folder, _folder.PathOf("copy"), OptimizedWeights.Full, _ => stop.Cancel(), stop.Token));
        Assert.Empty(_folder.Names());

        OptimizedModel.Write(folder, _folder.PathOf("copy"), OptimizedWeights.Full, _ => { }, default).Dispose();
        Assert.Empty(_folder.Names());
    }

    [Fact]
    public void A_folder_that_holds_something_is_refused_and_an_empty_one_is_filled()
    {
        Directory.CreateDirectory(_folder.PathOf("copy"));
        Write("sd1", OptimizedWeights.Full);

        Assert.Contains("is there already", Assert.Throws<RequestException>(() => Write("sd1", OptimizedWeights.Full)).Message, StringComparison.Ordinal);
    }

    private IReadOnlyList<OptimizedNetwork> Write(string model, OptimizedWeights weights)
    {
        using var written = OptimizedModel.Write(ModelFolder.Open(Goldens.PathOf("models", model)), _folder.PathOf("copy"), weights, _ => { }, default);
        written.Publish();
        return written.Networks;
    }

    private static GeneratedImage Paint(string folder, ImageRequest request, WeightPrecision precision = WeightPrecision.Exported)
    {
        using var pipeline = TextToImagePipeline.Load(folder, new PipelineOptions { Device = ExecutionDevice.Cpu, Precision = precision });
        return pipeline.Generate(request).Single();
    }
}
