using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion.Tests;

/// <summary>Layouts and graphs of exports as they are published: each is the small SD 1 in another guise and paints its picture.</summary>
public sealed class WildLayoutTests(Pipelines pipelines) : IClassFixture<Pipelines>, IDisposable
{
    private static readonly Dictionary<string, Action<string>> _guises = new()
    {
        ["networks below onnx, as repositories of onnx-community"] = model => Array.ForEach(
            ["unet", "text_encoder", "vae_encoder", "vae_decoder"], part => Move(model, part, Path.Combine("onnx", part))),
        ["the whole model below onnx, as branches made by diffusers' script"] = model => Array.ForEach(
            Directory.GetFileSystemEntries(model), entry => Move(model, Path.GetFileName(entry), Path.Combine("onnx", Path.GetFileName(entry)))),
        ["one folder vae for both halves"] = model =>
        {
            Move(model, Path.Combine("vae_decoder", "config.json"), Path.Combine("vae", "config.json"));
            Move(model, Path.Combine("vae_decoder", "model.onnx"), Path.Combine("vae", "decoder_model.onnx"));
            Move(model, Path.Combine("vae_encoder", "model.onnx"), Path.Combine("vae", "encoder_model.onnx"));
            Directory.Delete(Path.Combine(model, "vae_decoder"), recursive: true);
            Directory.Delete(Path.Combine(model, "vae_encoder"), recursive: true);
        },
        ["networks of another name, as model_fp16.onnx"] = model => Array.ForEach(
            ["unet", "text_encoder", "vae_decoder"], part => Move(model, Path.Combine(part, "model.onnx"), Path.Combine(part, "model_fp16.onnx"))),
        ["weights in weights.pb, as diffusers' script"] = model => Array.ForEach(["unet", "text_encoder", "vae_decoder"], part => WeightsTo(model, part, "weights.pb")),
        ["weights in model.onnx.data, as Olive"] = model => Array.ForEach(["unet", "text_encoder", "vae_decoder"], part => WeightsTo(model, part, "model.onnx.data")),
        ["token ids of 32 bits, as Olive and diffusers' script"] = model => Edit(model, "text_encoder", graph => Cast(graph, "input_ids", OnnxElementType.Int32, 2, OnnxElementType.Int64, "Cast")),
        ["a time step of 64 bits in a list"] = model => Edit(model, "unet", graph => Cast(graph, "timestep", OnnxElementType.Int64, 1, OnnxElementType.Float, "Squeeze")),
        ["a time step of 32 bits in a list"] = model => Edit(model, "unet", graph => Cast(graph, "timestep", OnnxElementType.Int32, 1, OnnxElementType.Float, "Squeeze")),
        ["a time step in double precision"] = model => Edit(model, "unet", graph => Cast(graph, "timestep", OnnxElementType.Double, 0, OnnxElementType.Float, "Cast")),
        ["outputs as ONNX Runtime's tools name them"] = model =>
        {
            Edit(model, "text_encoder", graph => graph.Rename(new Dictionary<string, string> { ["last_hidden_state"] = "text_embeddings" }));
            Edit(model, "unet", graph => graph.Rename(new Dictionary<string, string> { ["out_sample"] = "latent" }));
            Edit(model, "vae_decoder", graph => graph.Rename(new Dictionary<string, string> { ["latent_sample"] = "latent", ["sample"] = "images" }));
        },
        ["networks that ONNX Runtime has optimised"] = model => Array.ForEach(["unet", "text_encoder", "vae_decoder"], part => Optimise(model, part)),
        ["no model_index.json"] = model => File.Delete(Path.Combine(model, "model_index.json")),
        ["no scheduler"] = model => Directory.Delete(Path.Combine(model, "scheduler"), recursive: true),
        ["networks and tokenizer alone, as Amuse and OnnxStack"] = model =>
        {
            File.Delete(Path.Combine(model, "model_index.json"));
            Directory.Delete(Path.Combine(model, "scheduler"), recursive: true);
            File.Delete(Path.Combine(model, "text_encoder", "config.json"));
        },
    };

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Guises => [.. _guises.Keys];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Guises))]
    public void A_model_in_another_guise_paints_the_same_picture(string guise)
    {
        var model = Copy("sd1");
        _guises[guise](model);
        var request = new ImageRequest { Prompt = "a red fox", NegativePrompt = "dog", Seeds = [5], Steps = 4, Width = 64, Height = 64 };

        using var pipeline = TextToImagePipeline.Load(model, new PipelineOptions { Device = ExecutionDevice.Cpu });
        var picture = pipeline.Generate(request).Single();

        var plain = pipelines.Of("sd1").Generate(request).Single();
        Assert.InRange(Differences.Largest(picture.Latents.Values, plain.Latents.Values), 0, 1e-4);
        Assert.InRange(Differences.Largest(picture.Image, plain.Image), 0, 1);
    }

    [Fact]
    public void The_optimised_networks_have_operators_of_ONNX_Runtimes_own()
    {
        var model = Copy("sd1");
        Optimise(model, "unet");

        Assert.Contains(OnnxGraph.Load(Path.Combine(model, "unet", "model.onnx")).Nodes, node => node.Domain == "com.microsoft");
    }

    [Theory]
    [InlineData("sd1", true, true, null)]
    [InlineData("sd1", false, true, "model has no model_index.json: it is taken for Stable Diffusion 1 and 2 (texts of width 32).")]
    [InlineData("sd1", true, false, "model has no scheduler_config.json: it is taken for Stable Diffusion 1 and 2 (texts of width 32) with diffusers' PNDMScheduler; whether it predicts noise (epsilon, assumed) or velocity (v_prediction) cannot be seen.")]
    [InlineData("sdxl", false, false, "model has no model_index.json and no scheduler_config.json: it is taken for Stable Diffusion XL (texts of width 64) with diffusers' EulerDiscreteScheduler; whether it predicts noise (epsilon, assumed) or velocity (v_prediction) cannot be seen.")]
    [InlineData("lcm", false, false, "model has no model_index.json and no scheduler_config.json: it is taken for Latent Consistency Models (texts of width 32) with diffusers' LCMScheduler; whether it predicts noise (epsilon, assumed) or velocity (v_prediction) cannot be seen.")]
    [InlineData("inpaint", false, true, "model has no model_index.json: it is taken for Stable Diffusion Inpainting (texts of width 32).")]
    [InlineData("sd3", false, false, "model has no model_index.json and no scheduler_config.json: it is taken for Stable Diffusion 3 with diffusers' FlowMatchEulerDiscreteScheduler.")]
    [InlineData("flux-dev", false, true, "model has no model_index.json: it is taken for Flux.")]
    [InlineData("dit", false, true, "model has no model_index.json: it is taken for DiT.")]
    [InlineData("ldm-bert", false, true, "model has no model_index.json: it is taken for latent diffusion with BERT (texts of width 32).")]
    [InlineData("ldm-uncond", false, true, "model has no model_index.json: it is taken for unconditional latent diffusion.")]
    public void What_is_assumed_of_a_model_that_does_not_say_is_said_once(string name, bool hasIndex, bool hasScheduler, string? expected)
    {
        var model = Copy(name);
        if (!hasIndex)
        {
            File.Delete(Path.Combine(model, "model_index.json"));
        }

        if (!hasScheduler)
        {
            Directory.Delete(Path.Combine(model, "scheduler"), recursive: true);
        }

        var warnings = new List<string>();
        using var pipeline = TextToImagePipeline.Load(model, new PipelineOptions { Device = ExecutionDevice.Cpu, Warning = warnings.Add });

        Assert.Equal(expected is null ? [] : [expected], warnings);
    }

    [Fact]
    public void A_scheduler_that_a_family_has_no_usual_one_for_is_missing()
    {
        var model = Copy("dit");
        Directory.Delete(Path.Combine(model, "scheduler"), recursive: true);

        Assert.Contains("lacks scheduler/scheduler_config.json", Assert.Throws<ModelException>(() => ModelFolder.Open(model)).Message, StringComparison.Ordinal);
    }

    private static void Move(string model, string from, string to)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(model, to))!);
        Directory.Move(Path.Combine(model, from), Path.Combine(model, to));
    }

    private static void Edit(string model, string part, Action<OnnxGraph> edit)
    {
        var path = Path.Combine(model, part, "model.onnx");
        var graph = OnnxGraph.Parse(File.ReadAllBytes(path));
        edit(graph);
        File.WriteAllBytes(path, graph.ToBytes());
    }

    /// <summary>Gives an input another type and rank, and what stands behind it the old ones.</summary>
    private static void Cast(OnnxGraph graph, string input, OnnxElementType type, int rank, OnnxElementType inside, string by)
    {
        graph.Rename(new Dictionary<string, string> { [input] = input + "_inside" });
        graph.Inputs[graph.Inputs.FindIndex(one => one.Name == input + "_inside")] = new OnnxValue(input, type, rank);
        graph.Nodes.Insert(0, new OnnxNode("Cast", [input], [by == "Cast" ? input + "_inside" : input + "_cast"], OnnxAttribute.Of("to", (long)inside)));
        if (by != "Cast")
        {
            graph.Nodes.Insert(1, new OnnxNode(by, [input + "_cast"], [input + "_inside"]));
        }
    }

    /// <summary>Moves a network's weights of more than a kilobyte to a file beside it.</summary>
    private static void WeightsTo(string model, string part, string file)
    {
        Edit(model, part, graph =>
        {
            using var weights = File.Create(Path.Combine(model, part, file));
            foreach (var one in graph.Initializers)
            {
                var bytes = graph.ReadBytes(one);
                if (bytes.Length >= 1024)
                {
                    one.PointTo(new OnnxFileRange(file, weights.Position, bytes.Length));
                    weights.Write(bytes);
                }
            }
        });
    }

    private static void Optimise(string model, string part)
    {
        var path = Path.Combine(model, part, "model.onnx");
        using var options = new SessionOptions
        {
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
            OptimizedModelFilePath = path + ".optimised",
        };
        new InferenceSession(path, options).Dispose();
        File.Move(path + ".optimised", path, overwrite: true);
    }

    private string Copy(string name)
    {
        var source = FamilyGoldens.ModelNamed(name);
        _folder.Fill(source, "model");
        return _folder.PathOf("model");
    }
}
