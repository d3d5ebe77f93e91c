using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary>Models as they lie about: other layouts that are read, and broken files that are named with what is wrong and what to do.</summary>
public sealed class ModelFolderFaultTests : IDisposable
{
    private const string Pointer =
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 3438167540\n";

    private readonly TemporaryFolder _folder = new();

    private string Model => _folder.PathOf("model");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("model_index.json")]
    [InlineData("scheduler/scheduler_config.json")]
    [InlineData("unet/config.json")]
    [InlineData("vae_decoder/config.json")]
    [InlineData("tokenizer/vocab.json")]
    [InlineData("tokenizer/merges.txt")]
    [InlineData("tokenizer/tokenizer_config.json")]
    public void Every_text_file_may_begin_with_a_byte_order_mark(string file)
    {
        Copy("sd1");
        var path = Path.Combine(Model, file);
        var text = File.ReadAllText(path);
        foreach (var encoding in (Encoding[])[new UTF8Encoding(true), new UnicodeEncoding(false, true), new UnicodeEncoding(true, true)])
        {
            File.WriteAllText(path, text, encoding);

            Assert.Equal(Ids(Goldens.PathOf("models", "sd1")), Ids(Model));
        }
    }

    [Theory]
    [InlineData("unet/model.onnx")]
    [InlineData("text_encoder/model.onnx")]
    [InlineData("vae_decoder/model.onnx")]
    [InlineData("model_index.json")]
    [InlineData("scheduler/scheduler_config.json")]
    [InlineData("tokenizer/vocab.json")]
    [InlineData("tokenizer/merges.txt")]
    public void A_Git_LFS_pointer_is_told_from_the_file_itself(string file)
    {
        Copy("sd1");
        File.WriteAllText(Path.Combine(Model, file), Pointer);

        Refuse(() => Ids(Model), file, "is a Git LFS pointer and not the file itself, which has 3438167540 bytes", "git lfs pull");
    }

    [Fact]
    public void A_pointer_in_the_place_of_weights_beside_a_network_is_named_too()
    {
        Copy("sd1-external");
        File.WriteAllText(Path.Combine(Model, "unet", "model.onnx_data"), Pointer);

        Refuse(() => ModelFolder.Open(Model), "unet/model.onnx_data is a Git LFS pointer");
    }

    [Fact]
    public void A_pointer_in_the_place_of_the_encoder_is_named_when_it_is_opened()
    {
        Copy("sd1");
        File.WriteAllText(Path.Combine(Model, "vae_encoder", "model.onnx"), Pointer);
        var folder = ModelFolder.Open(Model);
        var loader = new NetworkLoader(folder, new OnnxRuntimeHost(ExecutionDevice.Cpu, threads: 1));

        Refuse(() => loader.Open("vae_encoder"), "vae_encoder/model.onnx is a Git LFS pointer");
    }

    [Theory]
    [InlineData("unet")]
    [InlineData("text_encoder")]
    public void Weights_that_are_missing_are_named_first(string part)
    {
        Copy("sd1-external");
        File.Delete(Path.Combine(Model, part, "model.onnx_data"));

        var message = Refuse(() => ModelFolder.Open(Model), $"{part}/model.onnx_data is missing");
        Assert.StartsWith(Path.Combine(Model, part, "model.onnx_data"), message, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_that_are_cut_short_are_named_with_both_sizes()
    {
        Copy("sd1-external");
        var path = Path.Combine(Model, "unet", "model.onnx_data");
        var whole = new FileInfo(path).Length;
        using (var file = File.OpenWrite(path))
        {
            file.SetLength(whole - 100);
        }

        Refuse(() => ModelFolder.Open(Model), $"unet/model.onnx_data has {whole - 100} bytes where", $"expects at least {whole}");
    }

    [Theory]
    [InlineData("model_fp16.onnx")]
    [InlineData("unet.onnx")]
    [InlineData("onnx/model.onnx")]
    public void The_only_network_of_a_part_is_taken_whatever_its_name(string name)
    {
        Copy("sd1");
        Move(Path.Combine("unet", "model.onnx"), Path.Combine("unet", name));

        Assert.Equal(Path.Combine(Model, "unet", name), ModelFolder.Open(Model).NetworkOf("unet"));
    }

    [Fact]
    public void Of_several_networks_none_is_taken_by_chance()
    {
        Copy("sd1");
        File.Copy(Path.Combine(Model, "unet", "model.onnx"), Path.Combine(Model, "unet", "model_fp16.onnx"));
        Move(Path.Combine("unet", "model.onnx"), Path.Combine("unet", "model_q4.onnx"));

        Refuse(() => ModelFolder.Open(Model), "has several networks, model_fp16.onnx, model_q4.onnx; give the one to be used the name model.onnx.");
    }

    [Theory]
    [InlineData("model_fp16.onnx", "fp16")]
    [InlineData("model.fp16.onnx", "FP16")]
    [InlineData("onnx/unet_model_quantized.onnx", "quantized")]
    public void A_variant_is_taken_where_a_part_has_it_and_the_plain_network_elsewhere(string name, string variant)
    {
        Copy("sd1");
        var file = Path.Combine(Model, "unet", name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.Copy(Path.Combine(Model, "unet", "model.onnx"), file);

        var folder = ModelFolder.Open(Model, variant);

        Assert.Equal(file, folder.NetworkOf("unet"));
        Assert.Equal(Path.Combine(Model, "vae_decoder", "model.onnx"), folder.NetworkOf("vae_decoder"));
        Assert.Equal(Path.Combine(Model, "unet", "model.onnx"), ModelFolder.Open(Model).NetworkOf("unet"));
    }

    [Fact]
    public void A_variant_that_no_part_has_is_refused_with_those_there_are()
    {
        Copy("sd1");
        Assert.EndsWith("it has plain ones only.", Assert.Throws<RequestException>(() => ModelFolder.Open(Model, "fp16")).Message, StringComparison.Ordinal);

        File.Copy(Path.Combine(Model, "unet", "model.onnx"), Path.Combine(Model, "unet", "model_q4.onnx"));
        File.Copy(Path.Combine(Model, "unet", "model.onnx"), Path.Combine(Model, "unet", "model_fp16.onnx"));
        Assert.EndsWith("it has fp16, q4.", Assert.Throws<RequestException>(() => ModelFolder.Open(Model, "int8")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Networks_may_lie_below_a_folder_onnx()
    {
        Copy("sd1");
        foreach (var part in (string[])["unet", "text_encoder", "vae_encoder", "vae_decoder"])
        {
            Move(part, Path.Combine("onnx", part));
        }

        Assert.Equal(Latents(Goldens.PathOf("models", "sd1")), Latents(Model));
    }

    [Fact]
    public void The_whole_model_may_lie_in_a_folder_onnx()
    {
        Copy("sd1", "onnx");

        Assert.Equal("model", ModelFolder.Open(Model).Name);
    }

    [Fact]
    public void The_root_of_a_repository_in_the_cache_stands_for_its_main_branch()
    {
        var root = CacheOf("0123abcd", "4567cdef");
        File.WriteAllText(Path.Combine(root, "refs", "main"), "4567cdef\n");

        var folder = ModelFolder.Open(root);

        Assert.Equal(Path.Combine(root, "snapshots", "4567cdef"), folder.Path);
        Assert.Equal("tiny", folder.Name);
    }

    [Fact]
    public void Without_a_main_branch_the_only_snapshot_is_taken_and_of_several_none()
    {
        var root = CacheOf("0123abcd");
        Assert.Equal(Path.Combine(root, "snapshots", "0123abcd"), ModelFolder.Open(root).Path);

        Directory.CreateDirectory(Path.Combine(root, "snapshots", "4567cdef"));
        Refuse(() => ModelFolder.Open(root), "several snapshots", "snapshots/0123abcd", "snapshots/4567cdef");
    }

    [Theory]
    [InlineData("../../../model")]
    [InlineData("/etc")]
    [InlineData("")]
    public void A_branch_that_names_no_commit_leads_nowhere(string reference)
    {
        var root = CacheOf("0123abcd");
        File.WriteAllText(Path.Combine(root, "refs", "main"), reference);

        Assert.Equal(Path.Combine(root, "snapshots", "0123abcd"), ModelFolder.Open(root).Path);
    }

    [Fact]
    public void A_snapshot_is_named_after_the_model_and_not_the_commit() =>
        Assert.Equal("tiny", ModelFolder.Open(Path.Combine(CacheOf("0123abcd"), "snapshots", "0123abcd")).Name);

    [Fact]
    public void Links_count_as_what_they_lead_to()
    {
        var expected = ModelFolder.Open(Goldens.PathOf("models", "sd1-external")).WeightBytes(widened: false, WeightPrecision.Exported).Values.Sum();
        Assert.Equal(
            Directory.EnumerateFiles(Goldens.PathOf("models", "sd1-external"), "model.onnx*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length), expected);

        Copy("sd1-external");
        foreach (var file in Directory.GetFiles(Model, "model.onnx*", SearchOption.AllDirectories))
        {
            var blob = _folder.PathOf(Guid.NewGuid().ToString("n"));
            File.Move(file, blob);
            File.CreateSymbolicLink(file, blob);
        }

        // What no network uses takes no memory.
        File.WriteAllBytes(Path.Combine(Model, "unet", "diffusion_pytorch_model.safetensors"), new byte[100_000]);
        Assert.Equal(expected, ModelFolder.Open(Model).WeightBytes(widened: false, WeightPrecision.Exported).Values.Sum());
    }

    [Fact]
    public void A_tokenizer_in_one_file_gives_the_same_ids()
    {
        Copy("sd1");
        OneTokenizerFile(mergesAsPairs: true);
        Assert.Equal(Ids(Goldens.PathOf("models", "sd1")), Ids(Model));

        OneTokenizerFile(mergesAsPairs: false);
        Assert.Equal(Ids(Goldens.PathOf("models", "sd1")), Ids(Model));
    }

    [Theory]
    [InlineData("{}", "no byte pair encoding")]
    [InlineData("""{"model": {"type": "Unigram", "vocab": [["a", -1.5]]}}""", "no byte pair encoding")]
    [InlineData("""{"model": {"vocab": {"a": 0}, "merges": []}}""", "\"end_of_word_suffix\" is not \"</w>\"")]
    [InlineData("""{"model": {"end_of_word_suffix": "</w>", "vocab": {"a": 0, "<|startoftext|>": 1, "<|endoftext|>": 2}, "merges": ["a b c"]}}""", "merge 1: \"a b c\" is not a merge of two entries of \"vocab\"")]
    [InlineData("""{"model": {"end_of_word_suffix": "</w>", "vocab": {"a": 0}, "merges": [[1, 2]]}}""", "[1, 2] in \"merges\"")]
    [InlineData("""{"model": {"end_of_word_suffix": "</w>", "vocab": {"a": 0}, "merges": []}, "added_tokens": [{"id": "x"}]}""", "\"added_tokens\"")]
    [InlineData("""{"model": {"end_of_word_suffix": "</w>", "vocab": {"a": 4000000000}, "merges": []}}""", "the id of \"a\" is 4000000000")]
    public void A_tokenizer_file_of_another_kind_is_refused(string text, string words)
    {
        Copy("sd1");
        OneTokenizerFile(mergesAsPairs: true);
        File.WriteAllText(Path.Combine(Model, "tokenizer", "tokenizer.json"), text);

        Refuse(() => Ids(Model), "tokenizer/tokenizer.json", words);
    }

    public static TheoryData<string, string, string> BrokenConfigs => new()
    {
        { "model_index.json", "null", "is not a JSON object" },
        { "model_index.json", "", "is not valid JSON (line 1)" },
        { "model_index.json", "{\n\"_class_name\": 5}", "'_class_name' is 5; it must be a text" },
        { "model_index.json", "{\n\"force_zeros_for_empty_prompt\": True,\n\"a\": 1}", "(line 2): it holds Python's True; JSON writes true." },
        { "model_index.json", "{\"_class_name\": None}", "it holds Python's None; JSON writes null." },
        { "model_index.json", """{"_class_name": "\ud800"}""", "half of a character (a lone surrogate)" },
        { "model_index.json", """{"\udc00": 1}""", "half of a character (a lone surrogate)" },
        { "model_index.json", "{\"a\":" + new string('[', 10_000), "is not valid JSON" },
        { "unet/config.json", """{"sample_size": []}""", "'sample_size' is []; it must be one number or two." },
        { "unet/config.json", """{"sample_size": [null, 8]}""", "'sample_size' is [null, 8]; it must be one number or two." },
        { "unet/config.json", """{"sample_size": [-8, 8]}""", "'sample_size' is [-8, 8]; it must be one number or two." },
        { "unet/config.json", """{"sample_size": 2147483647}""", "'sample_size' is 2147483647; it must be a whole number from 1 to 8192." },
        { "unet/config.json", """{"sample_size": 8.5}""", "'sample_size' is 8.5; it must be a whole number" },
        { "unet/config.json", """{"block_out_channels": []}""", "'block_out_channels' is []; it must be whole numbers above 0" },
        { "unet/config.json", """{"block_out_channels": [null]}""", "'block_out_channels' is [null]; it must be whole numbers above 0" },
        { "unet/config.json", """{"block_out_channels": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}""", "at most 10" },
        { "unet/config.json", """{"in_channels": 0}""", "'in_channels' is 0; it must be a whole number from 1 to 1024." },
        { "unet/config.json", """{"time_cond_proj_dim": -1}""", "'time_cond_proj_dim' is -1; it must be a whole number" },
        { "vae_decoder/config.json", """{"block_out_channels": {}}""", "'block_out_channels' is {}; it must be a number." },
        { "vae_decoder/config.json", """{"scaling_factor": 1e999}""", "'scaling_factor' is 1e999; it must be a number" },
        { "vae_decoder/config.json", """{"scaling_factor": 1e-300}""", "'scaling_factor' is 1e-300; it must be a number other than 0." },
        { "vae_decoder/config.json", """{"shift_factor": [0]}""", "'shift_factor' is [0]; it must be a number." },
        { "text_encoder/config.json", """{"max_position_embeddings": 1e20}""", "'max_position_embeddings' is 1e20; it must be a whole number" },
        { "generation_config.json", """{"guidance_scale": -1}""", "'guidance_scale' is -1; it must be a number of at least 0." },
        { "generation_config.json", """{"strength": 2}""", "'strength' is 2; it must be a number from 0 to 1." },
        { "generation_config.json", """{"num_inference_steps": 1000000000}""", "'num_inference_steps' is 1000000000; it must be a whole number from 1 to 100000." },
        { "scheduler/scheduler_config.json", """{"_class_name": "DDIMScheduler", "clip_sample": True}""", "it holds Python's True; JSON writes true." },
        { "scheduler/scheduler_config.json", """{"_class_name": "DDIMScheduler", "trained_betas": [null]}""", "\"trained_betas\" is [null], but must be a list of numbers." },
        { "scheduler/scheduler_config.json", """{"_class_name": "DDIMScheduler", "steps_offset": 4000000000}""", "\"steps_offset\" is 4000000000, but must be a whole number" },
        { "vocabulary.json", """{"concepts": [{"label": null, "styles": []}], "styles": {}, "backgrounds": []}""", "is no vocabulary: null stands where a text is needed." },
        { "vocabulary.json", """{"concepts": 5}""", "is no vocabulary" },
    };

    [Theory]
    [MemberData(nameof(BrokenConfigs))]
    public void A_broken_configuration_is_named_with_its_key(string file, string content, string words)
    {
        Copy("sd1");
        File.WriteAllText(Path.Combine(Model, file), content);

        Refuse(() => ModelFolder.Open(Model), Path.Combine(Model, file), words);
    }

    [Fact]
    public void Bytes_that_are_no_text_are_named()
    {
        Copy("sd1");
        File.WriteAllBytes(Path.Combine(Model, "model_index.json"), [(byte)'{', (byte)'"', 0xFF, (byte)'"', (byte)':', (byte)'1', (byte)'}']);

        Refuse(() => ModelFolder.Open(Model), "model_index.json is no text in UTF-8 (byte 2)");
    }

    [Fact]
    public void A_key_that_stands_twice_has_its_last_value()
    {
        Copy("sd1");
        File.WriteAllText(
            Path.Combine(Model, "scheduler", "scheduler_config.json"), """{"_class_name": "DDIMScheduler", "beta_end": 0.5, "beta_end": 0.012}""");

        Assert.Equal(0.012, ModelFolder.Open(Model).Scheduler.Real("beta_end"));
    }

    [Theory]
    [InlineData(2_000_000_000L)]
    [InlineData(long.MaxValue)]
    public void A_size_that_no_network_has_is_named(long size)
    {
        Copy("sd1");
        Edit(graph =>
        {
            var sample = graph.Inputs.Find(input => input.Name == "sample")!;
            graph.Inputs[graph.Inputs.IndexOf(sample)] = Shaped("sample", [2, 4, size, 8]);
        });

        Refuse(() => ModelFolder.Open(Model), "unet/model.onnx", $"the input 'sample' has the size {size}");
    }

    [Fact]
    public void Two_inputs_of_one_name_are_named()
    {
        Copy("sd1");
        Edit(graph => graph.Inputs.Add(new OnnxValue("sample", OnnxElementType.Float)));

        Refuse(() => ModelFolder.Open(Model), "unet/model.onnx has two inputs 'sample'");
    }

    [Fact]
    public void Weights_outside_the_models_folder_are_not_looked_for()
    {
        Copy("sd1-external");
        Edit(graph => graph.Initializers.Find(one => one.File is not null)!.PointTo(new OnnxFileRange("../../../etc/passwd", 0, 4)));

        Refuse(() => ModelFolder.Open(Model), "keeps weights in ../../../etc/passwd, which is outside its folder");
    }

    [Fact]
    public void A_text_encoder_without_room_for_a_text_is_named()
    {
        Copy("sd1");
        Set("text_encoder/config.json", "max_position_embeddings", 2);

        Refuse(() => Latents(Model), "text_encoder/model.onnx reads 2 tokens at once, which leaves none for a text");
    }

    private static OnnxValue Shaped(string name, long[] sizes)
    {
        var shape = new ProtobufWriter();
        foreach (var size in sizes)
        {
            shape.Field(1, ProtobufField.Of(1, size).Encoded.Span);
        }

        var tensor = new ProtobufWriter().Raw(ProtobufField.Of(1, (long)OnnxElementType.Float).Encoded.Span).Field(2, shape.ToArray());
        var type = new ProtobufWriter().Field(1, tensor.ToArray());
        return new OnnxValue(new ProtobufWriter().Raw(ProtobufField.Of(1, name).Encoded.Span).Field(2, type.ToArray()).ToArray());
    }

    private static IReadOnlyList<int> Ids(string model)
    {
        var folder = ModelFolder.Open(model);
        return ClipTokenizer.Load(folder.Combine("tokenizer")).Encode("A photo of an <|endoftext|> astronaut, très détaillé!!! 12 \U0001F680");
    }

    private static float[] Latents(string model)
    {
        using var pipeline = TextToImagePipeline.Load(model, new PipelineOptions { Device = ExecutionDevice.Cpu, Threads = 1 });
        return pipeline.Generate(new ImageRequest { Prompt = "a cat", Steps = 1, Width = 64, Height = 64 }).Single().Latents.Values;
    }

    /// <summary>Asks for the exception, its words, and one line; gives the message.</summary>
    private static string Refuse(Func<object> open, params string[] words)
    {
        var message = Assert.Throws<ModelException>(() => _ = open()).Message;
        Assert.All(words, word => Assert.Contains(word.Replace('/', Path.DirectorySeparatorChar), message.Replace('/', Path.DirectorySeparatorChar), StringComparison.Ordinal));
        Assert.DoesNotContain(message, char.IsControl);
        return message;
    }

    private string CacheOf(params string[] commits)
    {
        var root = _folder.PathOf("models--acme--tiny");
        Directory.CreateDirectory(Path.Combine(root, "refs"));
        foreach (var commit in commits)
        {
            _folder.Fill(Goldens.PathOf("models", "sd1"), Path.Combine(root, "snapshots", commit));
        }

        return root;
    }

    private void OneTokenizerFile(bool mergesAsPairs)
    {
        var source = Goldens.PathOf("models", "sd1", "tokenizer");
        var folder = Path.Combine(Model, "tokenizer");
        var merges = File.ReadAllLines(Path.Combine(source, "merges.txt")).Skip(1).Where(line => line.Length > 0)
            .Select(line => mergesAsPairs ? (JsonNode)new JsonArray([.. line.Split(' ').Select(side => JsonValue.Create(side))]) : JsonValue.Create(line));
        var file = new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray(),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["end_of_word_suffix"] = "</w>",
                ["vocab"] = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "vocab.json"))),
                ["merges"] = new JsonArray([.. merges]),
            },
        };
        File.Delete(Path.Combine(folder, "vocab.json"));
        File.Delete(Path.Combine(folder, "merges.txt"));
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), file.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
    }

    private void Set(string file, string key, int value)
    {
        var path = Path.Combine(Model, file);
        var config = File.Exists(path) ? JsonNode.Parse(File.ReadAllText(path))!.AsObject() : [];
        config[key] = value;
        File.WriteAllText(path, config.ToJsonString());
    }

    private void Edit(Action<OnnxGraph> edit)
    {
        var path = Path.Combine(Model, "unet", "model.onnx");
        var graph = OnnxGraph.Parse(File.ReadAllBytes(path));
        edit(graph);
        File.WriteAllBytes(path, graph.ToBytes());
    }

    private void Move(string from, string to)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(Model, to))!);
        Directory.Move(Path.Combine(Model, from), Path.Combine(Model, to));
    }

    private void Copy(string model, string below = "") => _folder.Fill(Goldens.PathOf("models", model), Path.Combine("model", below));
}
