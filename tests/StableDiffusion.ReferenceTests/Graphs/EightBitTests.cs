using System.Runtime.InteropServices;

namespace StableDiffusion.Tests;

/// <summary>Linear layers with weights of 8 bits.</summary>
public sealed class EightBitTests : IDisposable
{
    private const string Rounded = WeightedModule.InBlocks;

    private readonly TemporaryFolder _cache = new();

    public void Dispose() => _cache.Dispose();

    /// <summary>Networks, with the linear layers of which a side is less than a block: of the layers that torch counts, those stay.</summary>
    public static TheoryData<string> Networks =>
    [
        "sd1/unet", "sd1-external/unet", "sd1-static/unet", "sd1-legacy/unet", "sd1-fp16/unet", "sd1-fp16-io32/unet", "sd2/unet", "sdxl/unet", "turbo/unet", "lcm/unet", "inpaint/unet",
        "sd1/text_encoder", "sd1-external/text_encoder", "sd1-legacy/text_encoder", "sd1-fp16/text_encoder", "sdxl/text_encoder_2",
    ];

    [Theory]
    [InlineData(32, 32, false)]
    [InlineData(40, 96, false)]
    [InlineData(40, 96, true)]
    [InlineData(33, 77, true)] // the last block has 13 weights
    [InlineData(64, 31, false)]
    public void Every_weight_is_at_most_half_a_step_of_its_block_away(int outputs, int inputs, bool transposed)
    {
        var random = new Random(outputs + inputs);
        var weights = Enumerable.Range(0, outputs * inputs).Select(_ => (float)(random.NextDouble() - 0.5)).ToArray();
        float At(int output, int input) => weights[transposed ? (input * outputs) + output : (output * inputs) + input];

        var (packed, scales) = BlockQuantization.Pack(weights, outputs, inputs, transposed);

        var blocks = (inputs + 31) / 32;
        Assert.Equal((outputs * blocks * 32, outputs * blocks), (packed.Length, scales.Length));
        for (var output = 0; output < outputs; output++)
        {
            for (var block = 0; block < blocks; block++)
            {
                var rest = Enumerable.Range(block * 32, 32);
                Assert.Equal(rest.Where(i => i < inputs).Max(i => MathF.Abs(At(output, i))) / 127, scales[(output * blocks) + block]);
                foreach (var input in rest)
                {
                    var step = packed[(((output * blocks) + block) * 32) + (input % 32)] - 128;
                    var scale = scales[(output * blocks) + block];
                    Assert.InRange(MathF.Abs((input < inputs ? At(output, input) : 0) - (step * scale)), 0, 0.5001f * scale);
                }
            }
        }
    }

    [Fact]
    public void A_block_of_zeros_stays_one()
    {
        var (packed, scales) = BlockQuantization.Pack(new float[64 * 64], 64, 64, transposed: false);

        Assert.All(packed, one => Assert.Equal(128, one));
        Assert.All(scales, one => Assert.Equal(0, one));
    }

    /// <summary>
    /// y = W x of the weights as they are kept, computed here in double precision. ONNX Runtime rounds x too, by half of its largest of 32 divided by 127, which
    /// a weight of a block can make worse by its size: the bound is the sum of these.
    /// </summary>
    [Theory]
    [InlineData("MatMul", 96, false)]
    [InlineData("MatMul", 77, false)]
    [InlineData("Gemm", 96, true)]
    [InlineData("Gemm", 77, false)]
    public void The_operator_computes_with_the_weights_that_are_kept(string opType, int inputs, bool turned)
    {
        const int outputs = 48, rows = 3;
        var random = new Random(inputs);
        float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() - 0.5))];
        var (weights, bias, x) = (Numbers(outputs * inputs), Numbers(outputs), Numbers(rows * inputs));
        var graph = Layer(opType, weights, bias, outputs, inputs, turned);
        var edit = new EightBitEdit();
        edit.Apply(graph);
        using var session = TestSession.Open(graph);
        graph.Made!.Dispose();
        using var value = Microsoft.ML.OnnxRuntime.OrtValue.CreateTensorValueFromMemory(x, [rows, inputs]);
        var y = TestSession.Run(session, new Dictionary<string, Microsoft.ML.OnnxRuntime.OrtValue> { ["x"] = value })["y"];

        Assert.Equal(1, edit.Layers);
        Assert.DoesNotContain(graph.Nodes, node => node.OpType == opType);
        var (packed, scales) = BlockQuantization.Pack(weights, outputs, inputs, !turned);
        var blocks = BlockQuantization.BlocksOf(inputs);
        for (var row = 0; row < rows; row++)
        {
            for (var output = 0; output < outputs; output++)
            {
                var (sum, bound) = (opType == "Gemm" ? (double)bias[output] : 0, 1e-5);
                for (var i = 0; i < inputs; i++)
                {
                    var block = i / 32;
                    var weight = (packed[(((output * blocks) + block) * 32) + (i % 32)] - 128) * (double)scales[(output * blocks) + block];
                    sum += weight * x[(row * inputs) + i];
                    bound += Math.Abs(weight) * Enumerable.Range(block * 32, Math.Min(32, inputs - (block * 32))).Max(k => Math.Abs(x[(row * inputs) + k])) / 127 / 2;
                }

                Assert.InRange(Math.Abs(sum - y[(row * outputs) + output]), 0, 1.01 * bound);
            }
        }
    }

    /// <summary>Outputs reach 2.7 (encoders 5). Random weights use all of their range; nothing is hidden by them.</summary>
    [Theory]
    [MemberData(nameof(Networks))]
    public void All_linear_layers_of_a_network_are_rounded_and_it_says_nearly_the_same(string network)
    {
        var path = Path.Combine(TestModels.Folder, network, "model.onnx");
        var graph = TestGraphs.Strip(OnnxGraph.Load(path), seed: 3);
        var index = new OnnxIndex(graph);
        var linear = graph.Nodes.Count(node => node.OpType is "MatMul" or "Gemm" && index.Constant(node.Input(1)) is { Dimensions: [>= 32, >= 32] });
        new FusedAttentionEdit().Apply(graph);
        var edit = new EightBitEdit();
        edit.Apply(graph);

        Assert.InRange(linear, 10, int.MaxValue);
        Assert.Equal(linear, edit.Layers);
        Assert.Equal(linear, graph.Nodes.Count(node => node.OpType == Rounded));
        using var plain = TestSession.Open(path);
        using var rounded = TestSession.Open(graph);
        graph.Made!.Dispose();
        var largest = 0.0;
        foreach (var (output, values) in TestSession.Run(plain, seed: 7))
        {
            var other = TestSession.Run(rounded, seed: 7)[output];
            largest = Math.Max(largest, TestSession.Difference(values, other));
            Assert.InRange(Differences.Mean(values, other), 0, 0.02);
        }

        Assert.InRange(largest, 1e-5, 0.15);
    }

    [Fact]
    public void A_weight_that_another_operator_reads_too_stays_and_one_that_two_layers_share_is_rounded_once()
    {
        var graph = OnnxGraph.Load(Path.Combine(TestModels.Folder, "sd1", "unet", "model.onnx"));
        var layers = WeightedModule.Find(graph, new OnnxIndex(graph)).Where(module => module.Node.OpType == "MatMul").ToList();
        var (one, same) = (layers[0], layers.First(other => other != layers[0] && other.Shape.SequenceEqual(layers[0].Shape)));
        same.Node.Inputs[1] = one.Weight;
        graph.Nodes.Add(new OnnxNode("Identity", [layers[^1].Weight], ["seen"]));
        graph.Nodes.Add(new OnnxNode("ReduceSum", ["seen"], ["sum"]));
        graph.AddOutput("sum");

        new EightBitEdit().Apply(graph);

        Assert.Equal(Rounded, one.Node.OpType);
        Assert.Equal(one.Node.Inputs[1..], same.Node.Inputs[1..]);
        Assert.Equal("MatMul", layers[^1].Node.OpType);
        graph.Made!.Dispose();
    }

    [Fact]
    public void The_file_of_rounded_weights_is_gone_when_the_network_is_closed_and_where_it_can_be_when_it_is_open()
    {
        var graph = OnnxGraph.Load(Path.Combine(TestModels.Folder, "sd1-external", "unet", "model.onnx"));
        new EightBitEdit().Apply(graph);
        var file = graph.Made!.Path;
        Assert.InRange(new FileInfo(file).Length, 100_000, 10_000_000);
        using (OnnxModel.Open(graph, new OnnxRuntimeHost(ExecutionDevice.Cpu, threads: 1)))
        {
            graph.Made.Dispose();
            Assert.True(OperatingSystem.IsWindows() || !File.Exists(file));
        }

        Assert.False(File.Exists(file));
    }

    [Theory]
    [InlineData("sd1")]
    [InlineData("sd1-fp16")]
    [InlineData("sd2")]
    [InlineData("sdxl")]
    public void A_picture_differs_a_little_and_says_how_it_was_made(string model)
    {
        var request = new ImageRequest { Prompt = "a red apple", Seeds = [1], Steps = 3, Width = 64, Height = 64 };
        var (full, rounded) = (Paint(model, request, WeightPrecision.Exported), Paint(model, request, WeightPrecision.EightBit));

        // Latents reach 20 and more in these random models.
        var largest = full.Latents.Values.Max(MathF.Abs);
        Assert.InRange(Differences.Largest(rounded.Latents.Values, full.Latents.Values), 1e-4, 0.1 * largest);
        Assert.Contains(", Precision: w8", rounded.Parameters.ToInfotext(), StringComparison.Ordinal);
        Assert.DoesNotContain("Precision", full.Parameters.ToInfotext(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_lora_is_added_before_weights_are_rounded()
    {
        var request = new ImageRequest { Prompt = "a red apple", Seeds = [1], Steps = 2, Width = 64, Height = 64 };
        var changed = request with { Loras = [new Lora(Path.Combine(LoraGoldens.Folder, "kohya-r4.safetensors"), 1, 1)] };
        var (plain, with, rounded) = (
            Paint("sd1", request, WeightPrecision.Exported).Latents.Values, Paint("sd1", changed, WeightPrecision.Exported).Latents.Values, Paint("sd1", changed, WeightPrecision.EightBit).Latents.Values);

        Assert.InRange(4 * Differences.Largest(rounded, with), 1e-4, Differences.Largest(plain, with));
    }

    /// <summary>A network that was written with rounded layers takes LoRAs by its names: beside the layer, since the weight is no more.</summary>
    [Fact]
    public void A_lora_runs_beside_layers_that_are_rounded_already()
    {
        float[] Output(bool rounds, bool changes, bool roundsFirst = false)
        {
            var graph = OnnxGraph.Load(Path.Combine(TestModels.Folder, "sd1", "unet", "model.onnx"));
            var set = new LoraSet([new Lora(Path.Combine(LoraGoldens.Folder, "kohya-r4.safetensors"), 1, 1)], ModelFolder.Open(Goldens.PathOf("models", "sd1")), _ => { });
            foreach (var step in roundsFirst ? (bool[])[true, false] : [false, true])
            {
                if (step && rounds)
                {
                    new EightBitEdit().Apply(graph);
                }
                else if (!step && changes)
                {
                    set.Apply(graph, "unet");
                }
            }

            using var session = TestSession.Open(graph);
            graph.Made?.Dispose();
            return TestSession.Run(session, seed: 7)["out_sample"];
        }

        var with = Output(rounds: false, changes: true);
        var change = TestSession.Difference(Output(rounds: false, changes: false), with);
        Assert.InRange(change, 0.2, double.MaxValue);
        Assert.InRange(TestSession.Difference(Output(rounds: true, changes: true, roundsFirst: true), with), 1e-5, change / 5);
        Assert.InRange(TestSession.Difference(Output(rounds: true, changes: true), with), 1e-5, change / 5);
    }

    [Fact]
    public void Rounded_networks_are_kept_and_told_from_those_that_are_not()
    {
        NetworkLoader Loader(WeightPrecision precision)
        {
            var host = new OnnxRuntimeHost(ExecutionDevice.Cpu, threads: 1);
            return new NetworkLoader(ModelFolder.Open(Goldens.PathOf("models", "sd1-external")), host)
            {
                Precision = precision,
                Cache = new GraphCache(_cache.Path, host, warning => Assert.Fail(warning)) { SmallestBytes = 0 },
            };
        }

        int RoundedLayers() => OnnxGraph.Load(Assert.Single(GraphCacheEntry.In(_cache.Path)).Network).Nodes.Count(node => node.OpType == Rounded);
        Loader(WeightPrecision.EightBit).Open("unet").Dispose();
        var (layers, written) = (RoundedLayers(), File.GetLastWriteTimeUtc(GraphCacheEntry.In(_cache.Path)[0].Network));
        Loader(WeightPrecision.EightBit).Open("unet").Dispose();

        Assert.InRange(layers, 40, 100);
        Assert.Equal(written, File.GetLastWriteTimeUtc(GraphCacheEntry.In(_cache.Path)[0].Network));
        Loader(WeightPrecision.Exported).Open("unet").Dispose();
        Assert.Equal(0, RoundedLayers());
    }

    [Fact]
    public void Memory_is_reckoned_with_the_weights_that_are_kept()
    {
        var folder = ModelFolder.Open(Goldens.PathOf("models", "sd1"));
        var (full, rounded) = (folder.WeightBytes(widened: true, WeightPrecision.Exported), folder.WeightBytes(widened: true, WeightPrecision.EightBit));

        Assert.InRange(rounded["unet"], 0.4 * full["unet"], 0.95 * full["unet"]);
        Assert.Equal(full["vae_decoder"], rounded["vae_decoder"]);
    }

    private static GeneratedImage Paint(string model, ImageRequest request, WeightPrecision precision)
    {
        using var pipeline = TextToImagePipeline.Load(Goldens.PathOf("models", model), new PipelineOptions { Device = ExecutionDevice.Cpu, Precision = precision });
        return pipeline.Generate(request).Single();
    }

    /// <summary>One layer of a golden network, alone, with values of its own.</summary>
    private static OnnxGraph Layer(string opType, float[] weights, float[] bias, int outputs, int inputs, bool turned)
    {
        var graph = OnnxGraph.Load(Path.Combine(TestModels.Folder, "sd1", "unet", "model.onnx"));
        graph.Nodes.Clear();
        graph.Initializers.Clear();
        graph.Inputs.Clear();
        graph.Outputs.Clear();
        graph.ValueInfos.Clear();
        long[] shape = turned ? [outputs, inputs] : [inputs, outputs];
        graph.Initializers.Add(new OnnxInitializer("w", OnnxElementType.Float, shape, MemoryMarshal.AsBytes<float>(weights)));
        graph.Initializers.Add(new OnnxInitializer("b", OnnxElementType.Float, [outputs], MemoryMarshal.AsBytes<float>(bias)));
        graph.Inputs.Add(new OnnxValue("x", OnnxElementType.Float, rank: 2));
        graph.Outputs.Add(new OnnxValue("y", OnnxElementType.Float, rank: 2));
        graph.Nodes.Add(opType == "Gemm"
            ? new OnnxNode("Gemm", ["x", "w", "b"], ["y"], OnnxAttribute.Of("transB", turned ? 1 : 0))
            : new OnnxNode("MatMul", ["x", "w"], ["y"]));
        return graph;
    }
}
