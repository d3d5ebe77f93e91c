using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion.Tests;

/// <summary>Convolutions computed with 8 bits, by what was seen while pictures were painted.</summary>
public sealed class EightBitConvolutionTests : IDisposable
{
    private static readonly PipelineOptions _options = new() { Device = ExecutionDevice.Cpu };
    private static readonly ImageRequest _request = new() { Prompt = "a red apple", Seeds = [1], Steps = 3, Width = 64, Height = 64 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Random weights, whose latents reach 4 or so and from which rounding errors die out less than from trained ones.</summary>
    [Theory]
    [InlineData("sd1", 20)]
    [InlineData("sd1-external", 20)]
    [InlineData("sd1-fp16", 20)]
    [InlineData("sd2", 12)]
    [InlineData("sdxl", 12)]
    public void A_picture_is_nearly_that_of_the_export_and_onnx_runtime_makes_one_operator_of_each(string model, int unet)
    {
        var path = Goldens.PathOf("models", model);
        Write(path, _request);

        // The decoders of these models have fewer channels than pay.
        Assert.Equal((unet, 0), (Fused("unet"), Fused("vae_decoder")));
        var (expected, actual) = (Paint(path, _request), Paint(Copy, _request));
        var reach = expected.Latents.Values.Max(MathF.Abs);
        Assert.InRange(Differences.Mean(actual.Latents.Values, expected.Latents.Values), 1e-4 * reach, 0.05 * reach);
    }

    [Fact]
    public void The_embedded_model_keeps_its_picture()
    {
        var path = Path.Combine(Repository.Root, "models", "emoji-256");
        var request = new ImageRequest { Prompt = "a banana", Seeds = [3], Steps = 4 };
        Write(path, request);

        Assert.Equal((28, 18), (Fused("unet"), Fused("vae_decoder")));
        var (expected, actual) = (Paint(path, request), Paint(Copy, request));
        Assert.InRange(Differences.Mean(actual.Image, expected.Image), 0.01, 2);
    }

    /// <summary>Seamless pictures and LoRAs change convolutions and layers that are rounded by then.</summary>
    [Fact]
    public void What_changes_a_network_changes_a_copy_in_the_same_way()
    {
        var path = Goldens.PathOf("models", "sd1");
        Write(path, _request);

        var plain = Paint(path, _request).Latents.Values;
        foreach (var file in (string[])["kohya-r4.safetensors", "kohya-locon-r2-a1.safetensors", "peft-r4.safetensors"])
        {
            Compare(_request with { Loras = [new Lora(LoraGoldens.PathOf(file), 4)] });
        }

        Compare(_request with { Seamless = true });

        void Compare(ImageRequest changed)
        {
            var (expected, actual) = (Paint(path, changed).Latents.Values, Paint(Copy, changed).Latents.Values);
            Assert.InRange(Differences.Mean(actual, expected), 0, 0.75 * Differences.Mean(plain, expected));
        }
    }

    /// <summary>DynamicQuantizeMatMul rounds by the range of all rows of a call.</summary>
    [Fact]
    public void Pictures_that_must_be_exact_are_not_painted_in_one_call()
    {
        Write(Goldens.PathOf("models", "sd1"), _request);
        using var pipeline = TextToImagePipeline.Load(Copy, _options);

        var pictures = pipeline.GenerateTogether([_request, _request with { Seeds = [2] }], exact: true).ToList();

        Assert.Equal(pipeline.Generate(_request with { Seeds = [1, 2] }).Select(picture => picture.Latents.Values), pictures.Select(picture => picture.Latents.Values));
        Assert.All(pictures, picture => Assert.Equal(1, picture.RequestsTogether));
    }

    private string Copy => _folder.PathOf("copy");

    private void Write(string path, ImageRequest request)
    {
        var seen = Calibration.Run(path, _options, [request with { Prompt = "a cat", Seeds = [7] }, request with { Prompt = "a red apple", Seeds = [8] }], _ => { }, default);
        using var written = OptimizedModel.Write(ModelFolder.Open(path), Copy, OptimizedWeights.Integer, _ => { }, default, seen);
        written.Publish();
    }

    /// <summary>How many operators of 8 bits ONNX Runtime makes of a network's convolutions.</summary>
    private int Fused(string part)
    {
        var path = Path.Combine(Copy, part, "model.onnx");
        var optimised = _folder.PathOf($"{part}.onnx");
        using (var options = new SessionOptions { OptimizedModelFilePath = optimised, GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_EXTENDED })
        {
            new InferenceSession(path, options).Dispose();
        }

        return OnnxGraph.Load(optimised).Nodes.Count(node => node.OpType == "QLinearConv");
    }

    private static GeneratedImage Paint(string folder, ImageRequest request)
    {
        using var pipeline = TextToImagePipeline.Load(folder, _options);
        return pipeline.Generate(request).Single();
    }
}
