namespace StableDiffusion.Tests;

/// <summary>LoRAs for SD 3 and Flux, against models whose weights were changed to W + alpha / rank · up · down beforehand (Hu et al. 2021, arXiv 2106.09685).</summary>
public sealed class TransformerLoraTests : IDisposable
{
    private const int Rank = 4;
    private const float Alpha = 2, Strength = 0.75f;

    /// <summary>As for the golden pictures: latents of about 3.</summary>
    private const double Tolerance = 1e-3;

    private static readonly PipelineOptions _cpu = new() { Device = ExecutionDevice.Cpu, Warning = warning => Assert.Fail(warning) };

    private static readonly ImageRequest _castle = new() { Prompt = "a red castle", Steps = 2, Width = 64, Height = 64, Seeds = [5] };

    /// <summary>Modules by diffusers' paths, and what their authors call them together (model.py of Flux, mmditx.py of SD 3).</summary>
    private static readonly Dictionary<string, (string Original, string[] Paths)[]> _modules = new()
    {
        ["flux-dev"] =
        [
            ("double_blocks.0.img_attn.qkv", ["transformer_blocks.0.attn.to_q", "transformer_blocks.0.attn.to_k", "transformer_blocks.0.attn.to_v"]),
            ("double_blocks.0.txt_attn.qkv", ["transformer_blocks.0.attn.add_q_proj", "transformer_blocks.0.attn.add_k_proj", "transformer_blocks.0.attn.add_v_proj"]),
            ("double_blocks.0.img_attn.proj", ["transformer_blocks.0.attn.to_out.0"]),
            ("double_blocks.0.txt_attn.proj", ["transformer_blocks.0.attn.to_add_out"]),
            ("double_blocks.0.img_mlp.0", ["transformer_blocks.0.ff.net.0.proj"]),
            ("double_blocks.0.txt_mlp.2", ["transformer_blocks.0.ff_context.net.2"]),
            ("double_blocks.0.img_mod.lin", ["transformer_blocks.0.norm1.linear"]),
            ("double_blocks.0.txt_mod.lin", ["transformer_blocks.0.norm1_context.linear"]),
            ("single_blocks.1.linear1", ["single_transformer_blocks.1.attn.to_q", "single_transformer_blocks.1.attn.to_k", "single_transformer_blocks.1.attn.to_v", "single_transformer_blocks.1.proj_mlp"]),
            ("single_blocks.1.linear2", ["single_transformer_blocks.1.proj_out"]),
            ("single_blocks.0.modulation.lin", ["single_transformer_blocks.0.norm.linear"]),
            ("img_in", ["x_embedder"]),
            ("txt_in", ["context_embedder"]),
            ("time_in.in_layer", ["time_text_embed.timestep_embedder.linear_1"]),
            ("vector_in.out_layer", ["time_text_embed.text_embedder.linear_2"]),
            ("guidance_in.in_layer", ["time_text_embed.guidance_embedder.linear_1"]),
            ("final_layer.linear", ["proj_out"]),
        ],
        ["sd3"] =
        [
            ("joint_blocks.0.x_block.attn.qkv", ["transformer_blocks.0.attn.to_q", "transformer_blocks.0.attn.to_k", "transformer_blocks.0.attn.to_v"]),
            ("joint_blocks.1.context_block.attn.qkv", ["transformer_blocks.1.attn.add_q_proj", "transformer_blocks.1.attn.add_k_proj", "transformer_blocks.1.attn.add_v_proj"]),
            ("joint_blocks.0.x_block.attn.proj", ["transformer_blocks.0.attn.to_out.0"]),
            ("joint_blocks.0.context_block.attn.proj", ["transformer_blocks.0.attn.to_add_out"]),
            ("joint_blocks.1.x_block.mlp.fc1", ["transformer_blocks.1.ff.net.0.proj"]),
            ("joint_blocks.0.context_block.mlp.fc2", ["transformer_blocks.0.ff_context.net.2"]),
            ("joint_blocks.1.x_block.adaLN_modulation.1", ["transformer_blocks.1.norm1.linear"]),
            ("joint_blocks.0.context_block.adaLN_modulation.1", ["transformer_blocks.0.norm1_context.linear"]),
            ("context_embedder", ["context_embedder"]),
            ("t_embedder.mlp.0", ["time_text_embed.timestep_embedder.linear_1"]),
            ("y_embedder.mlp.2", ["time_text_embed.text_embedder.linear_2"]),
            ("final_layer.linear", ["proj_out"]),
        ],
    };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("flux-dev")]
    [InlineData("sd3")]
    public void A_LoRA_of_any_naming_paints_what_the_changed_weights_paint(string model)
    {
        var changes = Changes(model);
        var expected = Paint(Baked(model, changes), _castle);
        var plain = Paint(FamilyGoldens.PathOf("models", model), _castle);
        Assert.True(Difference(plain, expected) > 0.1, $"the change is too small to be seen: {Difference(plain, expected)}.");

        string[] files =
        [
            Write("peft", changes.SelectMany(change => Split(change).SelectMany(part => Tensors($"transformer.{part.Path}", "lora_A", "lora_B", part.Change, part.Change.Outputs)))),
            Write("kohya", changes.SelectMany(change => Tensors($"lora_unet_{change.Original.Replace('.', '_')}", "lora_down", "lora_up", change.Change, change.Change.Outputs))),
            Write("original", changes.SelectMany(change => Tensors($"diffusion_model.{change.Original}", "lora_A", "lora_B", change.Change, change.Change.Outputs))),
        ];
        Assert.All(files, file => Assert.InRange(Difference(expected, Paint(FamilyGoldens.PathOf("models", model), _castle with { Loras = [new Lora(file, Strength)] })), 0, Tolerance));
    }

    [Theory]
    [InlineData("flux-dev", "lora_te1_text_model_encoder_layers_0_mlp_fc1")]
    [InlineData("sd3", "lora_te1_text_model_encoder_layers_0_mlp_fc1")]
    [InlineData("sd3", "lora_te2_text_model_encoder_layers_0_mlp_fc1")]
    public void The_text_encoders_are_changed_as_strongly_as_is_asked_for_them(string model, string module)
    {
        var folder = FamilyGoldens.PathOf("models", model);
        var graph = OnnxGraph.Load(Path.Combine(folder, module.Contains("te2", StringComparison.Ordinal) ? "text_encoder_2" : "text_encoder", "model.onnx"));
        var (_, outputs, inputs, _) = Weight(graph, "text_model.encoder.layers.0.mlp.fc1");
        var ones = new LowRank([.. Enumerable.Repeat(0.5f, Rank * inputs)], [.. Enumerable.Range(0, outputs * Rank).Select(i => i % 3 - 1f)], Rank);
        var file = Write("text", Tensors(module, "lora_down", "lora_up", ones, outputs));
        var plain = Paint(folder, _castle);

        Assert.Equal(plain, Paint(folder, _castle with { Loras = [new Lora(file, 1) { TextWeight = 0 }] }));
        Assert.True(Difference(plain, Paint(folder, _castle with { Loras = [new Lora(file, 1)] })) > 0.01);
    }

    [Fact]
    public void A_LoRA_of_a_larger_model_and_what_has_no_counterpart_are_said()
    {
        var warnings = new List<string>();
        var flux = FamilyGoldens.PathOf("models", "flux-dev");
        var one = Changes("flux-dev")[2];
        var (large, partly) = (
            Write("large", Tensors("lora_unet_double_blocks_0_img_attn_qkv", "lora_down", "lora_up", new LowRank(new float[Rank * 3072], new float[9216 * Rank], Rank), 9216)),
            Write("partly", Tensors($"lora_unet_{one.Original.Replace('.', '_')}", "lora_down", "lora_up", one.Change, one.Change.Outputs)
                .Concat(Tensors("lora_unet_final_layer_adaLN_modulation_1", "lora_down", "lora_up", one.Change, one.Change.Outputs))));
        using var pipeline = TextToImagePipeline.Load(flux, _cpu with { Warning = warnings.Add });

        var error = Assert.Throws<RequestException>(() => pipeline.Generate(_castle with { Loras = [new Lora(large)] }).ToList());
        Assert.Contains("double_blocks_0_img_attn_qkv changes a weight of 9216 x 3072, and the model's has 96 x 32", error.Message, StringComparison.Ordinal);
        _ = pipeline.Generate(_castle with { Loras = [new Lora(partly)] }).ToList();
        Assert.Contains("3 of 6 keys belong to no module of flux-dev and do nothing: lora_unet_final_layer_adaLN_modulation_1", Assert.Single(warnings), StringComparison.Ordinal);
    }

    /// <summary>A random change of each group of modules, all of whose rows see one input.</summary>
    private static List<(string Original, string[] Paths, int[] Outputs, LowRank Change)> Changes(string model)
    {
        var random = new Random(7);
        float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() - 0.5) * 0.6))];
        var graph = OnnxGraph.Load(Path.Combine(FamilyGoldens.PathOf("models", model), "transformer", "model.onnx"));
        return [.. _modules[model].Select(group =>
        {
            var shapes = group.Paths.Select(path => Weight(graph, path)).ToList();
            int[] outputs = [.. shapes.Select(one => one.Outputs)];
            return (group.Original, group.Paths, outputs, new LowRank(Values(Rank * shapes[0].Inputs), Values(outputs.Sum() * Rank), Rank));
        })];
    }

    /// <summary>What diffusers has of a change: each module for itself, with the same down.</summary>
    private static IEnumerable<(string Path, LowRank Change)> Split((string Original, string[] Paths, int[] Outputs, LowRank Change) group)
    {
        var first = 0;
        foreach (var (path, outputs) in group.Paths.Zip(group.Outputs))
        {
            yield return (path, group.Change with { Up = group.Change.Up[(first * Rank)..((first + outputs) * Rank)] });
            first += outputs;
        }
    }

    private static IEnumerable<(string Name, int[] Shape, float[] Values)> Tensors(string module, string down, string up, LowRank change, int outputs) =>
    [
        ($"{module}.{down}.weight", [Rank, change.Down.Length / Rank], change.Down),
        ($"{module}.{up}.weight", [outputs, Rank], change.Up),
        ($"{module}.alpha", [], [Alpha]),
    ];

    private string Write(string name, IEnumerable<(string Name, int[] Shape, float[] Values)> tensors)
    {
        File.WriteAllBytes(_folder.PathOf(name + ".safetensors"), SafeTensors.Of(null, [.. tensors]));
        return _folder.PathOf(name + ".safetensors");
    }

    /// <summary>A copy of the model with the changes in its weights, added here in double precision.</summary>
    private string Baked(string model, List<(string Original, string[] Paths, int[] Outputs, LowRank Change)> changes)
    {
        var copy = _folder.PathOf(model);
        var source = FamilyGoldens.PathOf("models", model);
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(copy, Path.GetRelativePath(source, file)))!);
            File.Copy(file, Path.Combine(copy, Path.GetRelativePath(source, file)));
        }

        var network = Path.Combine(copy, "transformer", "model.onnx");
        File.Delete(network);
        var graph = OnnxGraph.Load(Path.Combine(source, "transformer", "model.onnx"));
        foreach (var (path, change) in changes.SelectMany(Split))
        {
            var (at, outputs, inputs, transposed) = Weight(graph, path);
            var weight = graph.Initializers[at];
            var values = WeightValues.ToFloats(graph.ReadBytes(weight), weight.ElementType);
            for (var row = 0; row < outputs; row++)
            {
                for (var column = 0; column < inputs; column++)
                {
                    var sum = Enumerable.Range(0, Rank).Sum(k => (double)change.Up[(row * Rank) + k] * change.Down[(k * inputs) + column]);
                    values[transposed ? (column * outputs) + row : (row * inputs) + column] += (float)(Strength * Alpha / Rank * sum);
                }
            }

            graph.Initializers[at] = new OnnxInitializer(weight.Name, weight.ElementType, weight.Dimensions, WeightValues.FromFloats(values, weight.ElementType));
        }

        graph.Save(network);
        return copy;
    }

    /// <summary>A linear layer's weight by the name that torch's exporter gives its node: of a MatMul [in, out], of a Gemm as transB says.</summary>
    private static (int At, int Outputs, int Inputs, bool Transposed) Weight(OnnxGraph graph, string path)
    {
        var node = graph.Nodes.Single(one => one.OpType is "MatMul" or "Gemm" && one.Name.Replace('/', '.') == $".{path}.{one.OpType}");
        var at = graph.Initializers.FindIndex(weight => weight.Name == node.Inputs[1]);
        var shape = graph.Initializers[at].Dimensions;
        var transposed = node.OpType == "MatMul" || node.Attribute("transB") is not { Integer: 1 };
        return transposed ? (at, (int)shape[1], (int)shape[0], true) : (at, (int)shape[0], (int)shape[1], false);
    }

    private static float[] Paint(string model, ImageRequest request)
    {
        using var pipeline = TextToImagePipeline.Load(model, _cpu);
        return pipeline.Generate(request).Single().Latents.Values.ToArray();
    }

    private static double Difference(float[] one, float[] other) => one.Zip(other, (a, b) => Math.Abs((double)a - b)).Max();
}
