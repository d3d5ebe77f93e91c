using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion.Tests;

/// <summary>A U-Net run as a whole at some steps only. The pictures are recomputed step by step with the two graphs.</summary>
public sealed class DeepCacheTests(Pipelines pipelines) : IClassFixture<Pipelines>
{
    private const string Feature = DeepCacheEdit.Feature;

    private static readonly ImageRequest _request = new()
    {
        Prompt = "a glass castle",
        NegativePrompt = "dog",
        Seeds = [7],
        Steps = 5,
        GuidanceScale = 5,
        Width = 64,
        Height = 64,
        Scheduler = "ddim",
    };

    private static readonly RgbImage _picture = PngReader.Read(Goldens.PathOf("pictures", "sd1-061-init.png")).Image;

    public static TheoryData<string, int> Networks
    {
        get
        {
            var all = new TheoryData<string, int>();
            foreach (var model in (string[])["sd1", "sd1-external", "sd1-static", "sd1-legacy", "sd1-fp16", "sd1-fp16-io32", "sd2", "sdxl", "turbo", "lcm", "inpaint"])
            {
                for (var branch = 0; branch < 4; branch++)
                {
                    all.Add(model, branch);
                }
            }

            return all;
        }
    }

    public static Dictionary<string, ImageRequest> Ways { get; } = new()
    {
        ["one text"] = _request with { GuidanceScale = 1 },
        ["guidance in a part of the run"] = _request with { GuidanceStart = 0.3, GuidanceEnd = 0.8 },
        ["guidance now and then"] = _request with { GuidanceEvery = 2 },
        ["texts of two lengths"] = _request with { Prompt = string.Join(' ', Enumerable.Repeat("castle", 90)), NegativePrompt = "dog" },
        ["several pictures of a seed"] = _request with { ImagesPerSeed = 3 },
        ["two calls a step"] = _request with { Scheduler = "heun" },
        ["a picture to start from"] = _request with { InitImage = _picture, Strength = 0.9 },
        ["a mask"] = _request with { InitImage = _picture, Mask = _picture, Strength = 0.9 },
        ["a second pass"] = _request with { Width = 32, Height = 32, Hires = new Hires(2) },
        ["a ControlNet"] = GoldenCase.Controls.First(one => one.Model == "sd1").ToRequest(),
    };

    public static TheoryData<string> WayNames => [.. Ways.Keys];

    /// <summary>Outputs reach 2.7. ONNX Runtime may fuse a part of a graph otherwise than the whole, so the last bits may differ.</summary>
    [Theory]
    [MemberData(nameof(Networks))]
    public void The_outer_layers_with_the_whole_networks_feature_say_what_the_whole_network_says(string model, int branch)
    {
        var path = Path.Combine(TestModels.Folder, model, "unet", "model.onnx");
        OnnxGraph Edited(params IGraphEdit[] edits)
        {
            var graph = TestGraphs.Strip(OnnxGraph.Load(path), seed: 3);
            edits.ToList().ForEach(edit => edit.Apply(graph));
            return graph;
        }

        var (wholeGraph, shallowGraph) = (Edited(new DeepCacheEdit(branch)), Edited(new DeepCacheEdit(branch), new ShallowEdit(branch)));
        using var plain = TestSession.Open(Edited());
        using var whole = TestSession.Open(wholeGraph);
        using var shallow = TestSession.Open(shallowGraph);
        var inputs = TestSession.RandomInputs(plain, seed: 7);
        var output = plain.OutputNames[0];
        using var options = new RunOptions();
        using var said = whole.Run(options, inputs, [Feature]);
        var expected = TestSession.Run(plain, inputs)[output];

        Assert.Equal(expected, TestSession.Run(whole, inputs)[output]);
        inputs[Feature] = said[0];
        Assert.InRange(TestSession.Difference(expected, TestSession.Run(shallow, inputs)[output]), 0, 1e-5);
        Assert.InRange(shallowGraph.Nodes.Count, 1, wholeGraph.Nodes.Count - 1);
        Assert.InRange(shallowGraph.Initializers.Count, 1, wholeGraph.Initializers.Count - 1);
    }

    [Theory]
    [InlineData(2, 0)]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    public void Steps_between_take_the_feature_of_the_last_whole_step(int interval, int branch)
    {
        var request = _request with { GuidanceScale = 1, NegativePrompt = null, DeepCache = new DeepCache(interval, branch), ReportsSteps = true };
        var steps = new List<DenoisingStep>();
        Assert.Single(pipelines.Of("sd1").Generate(request, new Listener(report => steps.Add(report.Step!))));
        var text = pipelines.Of("sd1").Probe(request, TestContext.Current.CancellationToken).Told.Positive.Inputs[Conditioning.Text];
        var path = Path.Combine(TestModels.Folder, "sd1", "unet", "model.onnx");
        var graph = OnnxGraph.Load(path);
        new DeepCacheEdit(branch).Apply(graph);
        using var whole = TestSession.Open(graph);
        new ShallowEdit(branch).Apply(graph);
        using var shallow = TestSession.Open(graph);
        using var options = new RunOptions();
        IDisposableReadOnlyCollection<OrtValue>? kept = null;

        foreach (var (index, step) in steps.Index())
        {
            var inputs = new Dictionary<string, OrtValue>
            {
                ["sample"] = Value(step.Before.Values, 1, 4, 8, 8),
                ["timestep"] = Value([step.Timestep], [.. whole.InputMetadata["timestep"].Dimensions.Select(_ => 1L)]),
                [Conditioning.Text] = Value(text.Values, 1, text.Shape[0], text.Shape[1]),
            };
            var isWhole = index % interval == 0;
            if (isWhole)
            {
                kept?.Dispose();
                kept = whole.Run(options, inputs, [Feature]);
            }

            inputs[Feature] = kept![0];
            Assert.InRange(TestSession.Difference(TestSession.Run(shallow, inputs)["out_sample"], step.Prediction.Values), 0, 1e-4);
            inputs.Remove(Feature);
            Assert.Equal(isWhole, TestSession.Difference(TestSession.Run(whole, inputs)["out_sample"], step.Prediction.Values) < 1e-4);
        }

        kept?.Dispose();
        Assert.Equal(5, steps.Count);
    }

    [Theory]
    [MemberData(nameof(WayNames))]
    public void It_goes_with_everything_that_a_U_Net_paints(string way)
    {
        var request = Ways[way] with { DeepCache = new DeepCache(2, 1) };
        var whole = Latents(Ways[way]);
        using var sparing = TextToImagePipeline.Load(Goldens.PathOf("models", "sd1"), new PipelineOptions { Device = ExecutionDevice.Cpu, OneNetworkAtATime = true });

        var cached = Latents(request);

        Assert.Equal(whole, Latents(request with { DeepCache = new DeepCache(1) }));
        Assert.NotEqual(whole, cached);
        Assert.Equal(cached, sparing.Generate(request).SelectMany(picture => picture.Latents.Values).ToArray());
    }

    [Fact]
    public void Each_picture_begins_with_the_whole_network()
    {
        var request = _request with { DeepCache = new DeepCache(3), Scheduler = "euler_a" };

        var together = pipelines.Of("sd1").Generate(request with { Seeds = [3, 4] }).ToList();

        Assert.All(together, picture => Assert.Equal(Latents(request with { Seeds = [picture.Seed] }), picture.Latents.Values));
    }

    [Fact]
    public void Requests_painted_together_come_out_as_alone()
    {
        ImageRequest[] requests = [.. new long[] { 3, 4, 5 }.Select(seed => _request with { Seeds = [seed], DeepCache = new DeepCache(2) })];

        var together = pipelines.Of("sd1").GenerateTogether(requests).ToList();

        Assert.False(pipelines.Of("sd1").CanPaintTogether(requests[0], _request));
        Assert.All(together.Zip(requests), pair => Assert.InRange(Differences.Largest(pair.First.Latents.Values, Latents(pair.Second)), 0, 1e-3));
    }

    [Fact]
    public void An_inpainting_model_can_have_it()
    {
        var request = new ImageRequest { Prompt = "a castle", InitImage = _picture, Mask = _picture, Steps = 4, Width = 64, Height = 64 };
        float[] Paint(DeepCache? cache) => pipelines.Of("inpaint").Generate(request with { DeepCache = cache }).Single().Latents.Values;

        Assert.NotEqual(Paint(null), Paint(new DeepCache(2)));
    }

    [Fact]
    public void A_branch_that_is_not_there_is_refused_with_those_that_are()
    {
        var error = Assert.Throws<RequestException>(() => Latents(_request with { DeepCache = new DeepCache(2, 4) }));

        Assert.Equal(nameof(ImageRequest.DeepCache), error.Parameter);
        Assert.EndsWith("has 0 to 3.", error.Message, StringComparison.Ordinal);
    }

    private static OrtValue Value(float[] values, params long[] shape) =>
        OrtValue.CreateTensorValueFromMemory(values, shape);

    private float[] Latents(ImageRequest request) => [.. pipelines.Of("sd1").Generate(request).SelectMany(picture => picture.Latents.Values)];

    private sealed class Listener(Action<GenerationProgress> told) : IProgress<GenerationProgress>
    {
        public void Report(GenerationProgress value) => told(value);
    }
}
