using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary>Model folders that are not what they should be, and devices that are not there: exit code 1 and one line that names the file.</summary>
public sealed class WrongModelTests : IDisposable
{
    private readonly TemporaryFolder _working = new();
    private readonly TemporaryFolder _models = new();

    private string Model => _models.PathOf("model");

    /// <summary>A file of a copy of sd1, what stands there instead, and what the message must say.</summary>
    public static TheoryData<string, string, string> BrokenTexts => new()
    {
        { "model_index.json", "{", "model/model_index.json is not valid JSON" },
        { "model_index.json", "[]", "model/model_index.json is not a JSON object." },
        { "tokenizer/vocab.json", "{\"a\":", "model/tokenizer/vocab.json is not valid JSON" },
        { "tokenizer/vocab.json", "{\"a\": \"x\"}", "model/tokenizer/vocab.json: the id of \"a\" is \"x\", not a whole number from 0 up." },
        { "tokenizer/merges.txt", "#version\na b c", "model/tokenizer/merges.txt line 2: \"a b c\" is not a merge of two entries of vocab.json." },
        { "tokenizer/merges.txt", "#version: 0.2\n", "model/tokenizer/vocab.json has 2000 entries that merges make, and there are 0 merges: these are cut short or of another model" },
        { "scheduler/scheduler_config.json", "{\"_class_name\": \"NewScheduler\"}", "scheduler_config.json: there is no scheduler \"NewScheduler\" here; choose one, or write into \"_class_name\" one of" },
        { "scheduler/scheduler_config.json", "{}", "scheduler_config.json does not name the scheduler's class (\"_class_name\")." },
        {
            "scheduler/scheduler_config.json",
            "{\"_class_name\": \"DDIMScheduler\", \"num_train_timesteps\": \"many\"}",
            "\"num_train_timesteps\" is \"many\", but must be a whole number from 1 to 1000000."
        },
        { "unet/config.json", "{\"in_channels\": \"four\"}", "model/unet/config.json: 'in_channels' is \"four\"; it must be a number." },
        { "unet/config.json", "{\"sample_size\": [8, 8, 8]}", "model/unet/config.json: 'sample_size' is [8, 8, 8]; it must be one number or two." },
        { "vae_decoder/config.json", "{\"latent_channels\": 8}", "the unet takes 4 channels and the vae_decoder 8 (latent_channels in its config.json); they are not of one model." },
        { "vae_decoder/config.json", "{\"scaling_factor\": 0}", "model/vae_decoder/config.json: 'scaling_factor' is 0; it must be a number other than 0." },
        { "generation_config.json", "{\"num_inference_steps\": \"x\"}", "model/generation_config.json: 'num_inference_steps' is \"x\"; it must be a number." },
    };

    public static TheoryData<string> Networks => ["text_encoder", "unet", "vae_decoder"];

    [Theory]
    [MemberData(nameof(BrokenTexts))]
    public void A_broken_file_is_named(string file, string content, string words)
    {
        Copy("sd1");
        File.WriteAllText(Path.Combine(Model, file), content);

        Refuse(words);
    }

    [Fact]
    public void A_model_that_does_not_exist_is_named() => Refuse($"{Model} does not exist. See models/README.md for the folder that is needed.");

    [Fact]
    public void A_file_is_no_model()
    {
        File.WriteAllText(Model, "");

        Refuse($"{Model} is a file; a model is a folder with model_index.json in it.");
    }

    [Fact]
    public void An_empty_folder_is_no_model()
    {
        Directory.CreateDirectory(Model);

        Refuse($"{Model} is not a model: it has no model_index.json. See models/README.md");
    }

    [Fact]
    public void All_missing_files_are_named_at_once()
    {
        Copy("sd1");
        Directory.Delete(Path.Combine(Model, "unet"), recursive: true);
        File.Delete(Path.Combine(Model, "tokenizer", "vocab.json"));

        Refuse($"{Model} lacks tokenizer/vocab.json, unet/model.onnx.");
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void A_network_that_is_cut_short_is_named(string part)
    {
        Copy("sd1");
        using (var file = File.OpenWrite(Network(part)))
        {
            file.SetLength(5000);
        }

        Refuse($"model/{part}/model.onnx", "Download or export it again.");
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void A_file_that_is_no_network_is_named(string part)
    {
        Copy("sd1");
        File.WriteAllBytes(Network(part), SHA256.HashData("no network"u8));

        Refuse($"model/{part}/model.onnx", "Download or export it again.");
    }

    [Fact]
    public void Weights_that_are_missing_beside_their_network_are_named()
    {
        Copy("sd1-external");
        File.Delete(Network("unet") + "_data");

        Refuse("model/unet/model.onnx", "model/unet/model.onnx_data", "Download or export it again.");
    }

    [Fact]
    public void Weights_that_are_cut_short_are_named()
    {
        Copy("sd1-external");
        using (var file = File.OpenWrite(Network("unet") + "_data"))
        {
            file.SetLength(1000);
        }

        Refuse("model/unet/model.onnx", "Download or export it again.");
    }

    [Theory]
    [InlineData("text_encoder", "unet", "model/unet/model.onnx has no input 'sample'; it has input_ids. Is it the network that its folder says?")]
    [InlineData("unet", "text_encoder", "model/text_encoder/model.onnx has no input 'input_ids'; it has sample, timestep, encoder_hidden_states.")]
    [InlineData("vae_encoder", "vae_decoder", "model/vae_decoder/model.onnx has no input 'latent_sample' or 'latent'; it has sample.")]
    public void A_network_in_the_place_of_another_is_named(string network, string place, string words)
    {
        Copy("sd1");
        File.Copy(Network(network), Network(place), overwrite: true);

        Refuse(words);
    }

    [Fact]
    public void A_part_that_the_family_needs_is_missed_by_its_name()
    {
        Copy("sdxl");
        Directory.Delete(Path.Combine(Model, "text_encoder_2"), recursive: true);

        Refuse("model lacks text_encoder_2/model.onnx.");
    }

    [Fact]
    public void A_model_without_a_scheduler_that_is_here_is_inspected_as_one_that_cannot_be_opened()
    {
        Copy("sd1");
        File.WriteAllText(Path.Combine(Model, "scheduler", "scheduler_config.json"), """{"_class_name": "NewScheduler"}""");

        var outcome = SdProgram.Run("inspect", Model);

        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("there is no scheduler \"NewScheduler\" here", outcome.Output + outcome.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("yes", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_T5_that_the_model_names_is_missed()
    {
        _models.Fill(FamilyGoldens.PathOf("models", "sd3"), "model");
        Directory.Delete(Path.Combine(Model, "text_encoder_3"), recursive: true);

        Refuse("model lacks text_encoder_3/model.onnx.");
    }

    [Fact]
    public void A_model_of_no_family_is_refused_by_its_class()
    {
        Copy("sd1");
        File.WriteAllText(Path.Combine(Model, "model_index.json"), """{"_class_name": "KandinskyPipeline"}""");

        Refuse("model is a KandinskyPipeline, which is not supported; there are Stable Diffusion 1 and 2, Stable Diffusion XL, ");
    }

    [Fact]
    public void A_text_encoder_of_another_width_is_named()
    {
        Copy("sdxl");
        File.WriteAllText(Path.Combine(Model, "model_index.json"), """{"_class_name": "StableDiffusionPipeline"}""");

        Refuse("model/unet/model.onnx: input 'encoder_hidden_states' has the shape [?, ?, 64], but [2, 77, 32] was to be fed.");
    }

    [Fact]
    public void An_input_that_the_program_does_not_know_is_named()
    {
        Copy("sd1");
        Edit("unet", graph => graph.Inputs.Add(new OnnxValue("control_signal", OnnxElementType.Float)));

        Refuse("model/unet/model.onnx wants inputs that this program does not give: control_signal.");
    }

    [Fact]
    public void A_picture_of_another_size_than_the_configuration_promises_is_an_error()
    {
        Copy("sd1");
        var path = Path.Combine(Model, "vae_decoder", "config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        config["block_out_channels"] = new JsonArray(8, 8);
        File.WriteAllText(path, config.ToJsonString());

        Refuse("model/vae_decoder/model.onnx gave a picture of the shape [1, 3,", "(block_out_channels)");
    }

    [Fact]
    public void Without_its_encoder_a_model_cannot_start_from_a_picture()
    {
        Copy("sd1");
        File.Delete(Network("vae_encoder"));
        using (var png = File.Create(_working.PathOf("start.png")))
        {
            PngWriter.Write(png, new RgbImage(64, 64, new byte[64 * 64 * 3]));
        }

        Refused.Run(
            Refused.Failed,
            "vae_encoder/model.onnx is missing, which an init image needs. Export the model with its VAE encoder.",
            _working,
            "apple", "--model", Model, "--device", "cpu", "--init-image", "start.png");
    }

    [Theory]
    [InlineData("text_encoder", "error: text_encoder gave numbers that are not finite (NaN or infinite).")]
    [InlineData("unet", "error: unet at call 1 of ")]
    [InlineData("vae_decoder", "error: vae_decoder gave numbers that are not finite (NaN or infinite).")]
    public void Numbers_that_are_no_numbers_are_an_error_that_names_the_stage(string part, string words)
    {
        Copy("sd1");
        Edit(part, graph =>
        {
            foreach (var weights in graph.Initializers.Where(one => one.ElementType == OnnxElementType.Float && one.Dimensions.Count == 1).ToList())
            {
                var values = new float[weights.Dimensions[0]];
                values.AsSpan().Fill(float.NaN);
                graph.Initializers[graph.Initializers.IndexOf(weights)] =
                    new OnnxInitializer(weights.Name, OnnxElementType.Float, weights.Dimensions, MemoryMarshal.AsBytes<float>(values));
            }
        });

        Refuse(words);
    }

    [Theory]
    [InlineData("cuda:99")]
    [InlineData("cuda")]
    public void Cuda_that_does_not_work_is_an_error_and_never_the_CPU(string device)
    {
        Assert.SkipWhen(device == "cuda" && File.Exists("/dev/nvidia0"), "This machine has a GPU.");

        Refused.Run(
            Refused.Failed, $"--device {device} cannot be used: ", _working, "apple", "--model", Refused.GoodModel, "--steps", "1", "--device", device);
    }

    public void Dispose()
    {
        _working.Dispose();
        _models.Dispose();
    }

    private string Network(string part) => Path.Combine(Model, part, "model.onnx");

    private void Refuse(params string[] words) =>
        Refused.Run(Refused.Failed, words, _working, ["apple", "--model", Model, "--device", "cpu", "--steps", "2"]);

    private void Edit(string part, Action<OnnxGraph> edit)
    {
        var graph = OnnxGraph.Parse(File.ReadAllBytes(Network(part)));
        edit(graph);
        File.WriteAllBytes(Network(part), graph.ToBytes());
    }

    private void Copy(string model) => _models.Fill(Goldens.PathOf("models", model), "model");
}
