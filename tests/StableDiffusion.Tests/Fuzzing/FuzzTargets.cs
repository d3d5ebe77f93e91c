using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

/// <summary>The readers of everything that comes from outside. A new format is one more row.</summary>
internal sealed class FuzzTargets : IDisposable
{
    private static readonly string[] _configs =
    [
        "model_index.json", "scheduler/scheduler_config.json", "unet/config.json", "vae_decoder/config.json", "text_encoder/config.json", "generation_config.json", "vocabulary.json",
    ];

    private static readonly string[] _tokenizerFiles = ["vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"];

    private static readonly FieldTable _line = new(new ImageOptions());

    private readonly TemporaryFolder _work = new();
    private readonly ClipTokenizer _tokenizer = ClipTokenizer.Load(Goldens.PathOf("models", "sd1", "tokenizer"));

    public FuzzTargets()
    {
        CopySd1("model");
        CopySd1("tokenizers");

        // Where the graphs without their weights look for them: a file with a hole.
        using (var weights = File.Create(_work.PathOf("model.onnx")))
        {
            weights.SetLength(1L << 32);
        }

        All =
        [
            .. _configs.Select(file => new FuzzTarget("model-" + Path.GetFileNameWithoutExtension(file.Replace('/', '-')), ConfigSeeds(file), bytes => ReadConfig(file, bytes))),
            .. _tokenizerFiles.Select(file => new FuzzTarget("tokenizer-" + Path.GetFileNameWithoutExtension(file), [Bytes("models", "sd1", "tokenizer", file), Small(file)], bytes => ReadTokenizer(file, bytes))),
            new("tokenizer-file", [OneTokenizerFile()], ReadTokenizerFile),
            new("tokenizer-t5", [File.ReadAllBytes(FamilyGoldens.PathOf("t5-tokenizer", "tokenizer.json")), T5File()], bytes => ReadT5("tokenizer.json", bytes)),
            new("tokenizer-spiece", [File.ReadAllBytes(FamilyGoldens.PathOf("t5-tokenizer", "spiece.model")), Pieces()], bytes => ReadT5("spiece.model", bytes)),
            new("tokenizer-bert", [Bert("vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\ncat\n"u8.ToArray()], bytes => ReadBert("vocab.txt", bytes)),
            new("tokenizer-bert_config", [Bert("tokenizer_config.json")], bytes => ReadBert("tokenizer_config.json", bytes)),
            new("model-dit", [File.ReadAllBytes(FamilyGoldens.PathOf("models", "dit", "model_index.json"))], ReadLabels),
            new("onnx", [Slim("unet"), Slim("text_encoder"), Slim("vae_decoder")], ReadGraph),
            new("npy", [Bytes("pictures", "sd1-003.npy"), Npy()], bytes => NpyFile.Read(bytes, "a.npy")),
            new("png", Pictures(), bytes => PictureReader.Read(bytes, "a.png")),
            new("safetensors", [File.ReadAllBytes(Path.Combine(Goldens.Beside("lora"), "peft-r4.safetensors"))], ReadSafeTensors),
            new("prompt", Prompts(), ReadPrompt),
            new("infotext", Infotexts(), ReadInfotext),
            new("recipe", Recipes(), ReadRecipe),
            new("batch", BatchFiles(), ReadBatch),
            new("manifest", [ManifestLines()], ReadManifest),
        ];
    }

    public IReadOnlyList<FuzzTarget> All { get; }

    public void Dispose() => _work.Dispose();

    private static byte[] Bytes(params string[] parts) => File.ReadAllBytes(Goldens.PathOf(parts));

    private static List<byte[]> ConfigSeeds(string file) =>
    [
        .. Directory.GetDirectories(Goldens.PathOf("models")).Append(Path.Combine(Repository.Root, "models", "emoji-256")).Order(StringComparer.Ordinal)
            .Select(model => Path.Combine(model, file)).Where(File.Exists).Select(File.ReadAllBytes),
        .. file == "generation_config.json" ? ["""{"num_inference_steps": 25, "guidance_scale": 2.5, "strength": 0.6}"""u8.ToArray()] : Array.Empty<byte[]>(),
    ];

    private void ReadConfig(string file, byte[] bytes)
    {
        var path = _work.PathOf(Path.Combine("model", file));
        var before = File.Exists(path) ? File.ReadAllBytes(path) : null;
        try
        {
            File.WriteAllBytes(path, bytes);
            var folder = ModelFolder.Open(_work.PathOf("model"));
            var plan = GenerationPlan.Of(new ImageRequest { Prompt = "a cat", Steps = 3 }, folder);
            var latents = new float[16];
            plan.TakeScheduler(1).Step(0, new float[16], latents, new TorchRandom(1));
            GenerationPlan.Of(new ImageRequest { Prompt = "a cat", Steps = 4, Scheduler = "dpmpp_2m" }, folder);
        }
        finally
        {
            if (before is null)
            {
                File.Delete(path);
            }
            else
            {
                File.WriteAllBytes(path, before);
            }
        }
    }

    private void ReadTokenizer(string file, byte[] bytes)
    {
        var folder = _work.PathOf(Path.Combine("tokenizers", "tokenizer"));
        var path = Path.Combine(folder, file);
        var before = File.ReadAllBytes(path);
        try
        {
            File.WriteAllBytes(path, bytes);
            Encode(ClipTokenizer.Load(folder));
        }
        finally
        {
            File.WriteAllBytes(path, before);
        }
    }

    private void ReadTokenizerFile(byte[] bytes)
    {
        var folder = _work.PathOf("one");
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(Path.Combine(folder, "tokenizer.json"), bytes);
        Encode(ClipTokenizer.Load(folder));
    }

    private static void Encode(ClipTokenizer tokenizer)
    {
        tokenizer.Truncate("A photo of an <|endoftext|> astronaut, 12 \U0001F680 and more and more", 77);
        PromptChunks.Split(tokenizer, PromptParser.Parse("a (cat:1.2), BREAK dog"), 77);
    }

    private void ReadT5(string file, byte[] bytes)
    {
        var folder = Directory.CreateDirectory(_work.PathOf("t5-" + file)).FullName;
        File.WriteAllBytes(Path.Combine(folder, file), bytes);
        T5Tokenizer.Load(folder).Fit("A  \uFB01ne photo of a <extra_id_0> caf\u00E9 </s>\t12 \U0001F680 and more", 77);
    }

    private void ReadBert(string file, byte[] bytes)
    {
        var folder = Directory.CreateDirectory(_work.PathOf("bert-" + file)).FullName;
        foreach (var other in (string[])["vocab.txt", "tokenizer_config.json"])
        {
            File.WriteAllBytes(Path.Combine(folder, other), other == file ? bytes : Bert(other));
        }

        WordPieceTokenizer.Load(folder).Fit("A photo of a caf\u00E9, 12 [SEP] \U0001F680 \u4E2D and more", 77);
    }

    private void ReadLabels(byte[] bytes)
    {
        var folder = _work.PathOf("dit");
        if (!Directory.Exists(folder))
        {
            Link(FamilyGoldens.PathOf("models", "dit"), folder);
        }

        File.Delete(Path.Combine(folder, "model_index.json"));
        File.WriteAllBytes(Path.Combine(folder, "model_index.json"), bytes);
        GenerationPlan.Of(new ImageRequest { Prompt = "1", Steps = 3 }, ModelFolder.Open(folder));
    }

    private void ReadGraph(byte[] bytes)
    {
        var path = _work.PathOf("graph.onnx");
        File.WriteAllBytes(path, bytes);
        NetworkSignature.Read(OnnxGraph.Load(path), "sample", 4);
        NetworkFile.RequireWhole(path);
        NetworkFile.Bytes(path, widened: true);
        var graph = OnnxGraph.Load(path);
        var index = new OnnxIndex(graph);
        foreach (var tensor in graph.Nodes.SelectMany(node => node.Reads).Take(500))
        {
            index.Constant(tensor);
        }

        graph.Sort();
        graph.Prune();
        graph.ToBytes();
        ClipSkip.Apply(graph, 1);
    }

    private void ReadSafeTensors(byte[] bytes)
    {
        var path = _work.PathOf("a.safetensors");
        File.WriteAllBytes(path, bytes);
        LoraFile.Open(path);
    }

    private static void ReadInfotext(byte[] bytes)
    {
        if (GenerationParameters.TryParse(Encoding.UTF8.GetString(bytes), out var parameters))
        {
            parameters.ToInfotext();
        }
    }

    /// <summary>Whatever a picture's text is, it is a recipe that can be shown, or none.</summary>
    private static void ReadRecipe(byte[] bytes)
    {
        var text = Encoding.UTF8.GetString(bytes);
        Recipe?[] recipes = [InvokeRecipe.Parse(text), ComfyRecipe.Parse(text), GenerationParameters.TryParse(text, out var parameters) ? WebUiRecipe.Of(parameters) : null];
        foreach (var recipe in recipes.OfType<Recipe>())
        {
            ResultJson.ToText(recipe.ToJson(_line));
        }
    }

    private void ReadPrompt(byte[] bytes)
    {
        var prompt = Encoding.UTF8.GetString(bytes);
        LoraTag.Extract(prompt);
        var pieces = PromptParser.Parse(prompt);
        PromptChunks.Split(_tokenizer, pieces, 77);
        _tokenizer.Truncate(prompt, 77);
    }

    /// <summary>What a run finds in its folder: its own notes, or somebody else's.</summary>
    private void ReadManifest(byte[] bytes)
    {
        var folder = Directory.CreateDirectory(_work.PathOf("batch")).FullName;
        File.WriteAllBytes(Path.Combine(folder, "manifest.jsonl"), bytes);
        File.WriteAllBytes(Path.Combine(folder, ".sd-batch.json"), bytes);
        using (var held = BatchLock.Take(folder, shard: null))
        {
            held.Unfinished();
        }

        using (Manifest.Open(folder, shard: null, resume: true))
        {
            foreach (var line in Manifest.Read(folder))
            {
                _ = line.Entry is { } entry ? ResultJson.ToText(entry) : line.Place;
            }

            _ = new DoneJobs(folder, Manifest.Read(folder).Select(line => line.Entry).OfType<JsonObject>());
        }
    }

    private static byte[] ManifestLines() =>
        """
        {"path":"a/b.png","prompt":"a","seed":18446744073709551615,"variation_seed":5,"image":0,"images":2,"model":"m","sha256":"00","index":0,"id":"00","inputs":"01","writing":"a.png","pid":1,"host":"x"}
        {"path":"c.png","prompt":"a {x} \u00e9","seed":1,"sha256":"00","id":"00"}
        """u8.ToArray();

    private static void ReadBatch(byte[] bytes)
    {
        using var text = new StreamReader(new MemoryStream(bytes), BatchReader.Encoding);
        foreach (var line in new BatchReader(text, _line).Lines().Take(1000))
        {
            if (line.Error is { } error && error.Any(char.IsControl))
            {
                throw new InvalidOperationException($"a message of several lines: {error}");
            }
        }
    }

    /// <summary>A graph without its weights, so that changes hit what is parsed.</summary>
    private static byte[] Slim(string part) => OnnxGraph.Load(Goldens.PathOf("models", "sd1", part, "model.onnx")).ToBytes();

    private static byte[] Npy()
    {
        using var file = new MemoryStream();
        NpyFile.Write(file, [2, 3], [1, 2, 3, 4, 5, float.NaN]);
        return file.ToArray();
    }

    private static List<byte[]> Pictures()
    {
        var picture = PngReader.Read(Goldens.PathOf("pictures", "sd1-003-0.png")).Image;
        return [Bytes("pictures", "sd1-003-0.png"), Written(PictureKind.Jpeg), Written(PictureKind.WebP)];

        byte[] Written(PictureKind kind)
        {
            using var file = new MemoryStream();
            PictureWriter.Write(file, picture, kind, "a cat");
            return file.ToArray();
        }
    }

    private static List<byte[]> Prompts()
    {
        using var rows = JsonDocument.Parse(Bytes("prompts", "prompts.json"));
        return [.. rows.RootElement.EnumerateArray().Select(row => Encoding.UTF8.GetBytes(row.GetProperty("prompt").GetString()!))];
    }

    private static List<byte[]> Infotexts() =>
    [
        "a cat, (red:1.2)\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, Schedule type: Karras, CFG scale: 7.5, Seed: 5, Size: 64x64, Model: sd1, Extra: \"a, \\\"b\\\"\""u8.ToArray(),
    ];

    private static List<byte[]> Recipes() =>
    [
        .. Infotexts(),
        """{"positive_prompt": "cat \uD83D\uDE80", "width": 512, "seed": 7, "scheduler": "dpmpp_2m_k", "clip_skip": 1, "model": {"name": "sd15"}, "loras": [{"model": {"name": "pixel"}, "weight": 0.75}], "hrf_enabled": true}"""u8.ToArray(),
        """
        {"3": {"class_type": "KSampler", "inputs": {"seed": ["9", 0], "steps": 20, "cfg": 8.0, "sampler_name": "euler", "scheduler": "karras", "denoise": 0.5, "model": ["8", 0], "positive": ["6", 0], "negative": ["7", 0],
          "latent_image": ["5", 0]}}, "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768, "batch_size": 2}}, "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["9", 0], "clip": ["4", 0]}},
         "4": {"class_type": "CLIPSetLastLayer", "inputs": {"stop_at_clip_layer": -2, "clip": ["4", 1]}}, "7": {"class_type": "ConditioningCombine", "inputs": {"conditioning_1": ["6", 0]}},
         "8": {"class_type": "LoraLoader", "inputs": {"lora_name": "a\\b.safetensors", "strength_model": 0.8, "model": ["4", 0]}}, "9": {"class_type": "Primitive", "inputs": {"value": ["9", 0], "text": "cat \uD83D\uDE80"}}}
        """u8.ToArray(),
    ];

    private static List<byte[]> BatchFiles() =>
    [
        "a red apple\na {cat|dog} --seed 5 --steps 20\n# no\n--prompt \"a --wide angle\" --negative_prompt blurry"u8.ToArray(),
        "{\"prompt\": \"a\", \"seed\": [1, 2], \"cfg_scale\": 3.5}\n{\"prompt\": [\"a\", \"b\"], \"scheduler_config\": {\"solver_order\": 3}}"u8.ToArray(),
        "prompt,seed,negative_prompt\n\"a \"\"red\"\"\nmap, old\",5,\nb,6,c"u8.ToArray(),
        "prompt;steps\na;5"u8.ToArray(),
    ];

    /// <summary>A vocabulary small enough that most changes hit something.</summary>
    private static byte[] Small(string file) => file switch
    {
        "vocab.json" => """{"<|startoftext|>": 3, "<|endoftext|>": 4, "a": 0, "b</w>": 1, "ab</w>": 2}"""u8.ToArray(),
        "merges.txt" => "#version: 0.2\na b</w>\n"u8.ToArray(),
        "tokenizer_config.json" => """{"model_max_length": 77, "bos_token": {"content": "<|startoftext|>", "normalized": true}, "added_tokens_decoder": {"4": {"content": "<|endoftext|>", "special": true}}}"""u8.ToArray(),
        _ => """{"pad_token": "<|endoftext|>"}"""u8.ToArray(),
    };

    private static byte[] OneTokenizerFile() => """
        {"added_tokens": [{"id": 3, "content": "<|startoftext|>", "normalized": true}, {"id": 4, "content": "<|endoftext|>", "normalized": false}],
         "model": {"type": "BPE", "end_of_word_suffix": "</w>", "vocab": {"<|startoftext|>": 3, "<|endoftext|>": 4, "a": 0, "b</w>": 1, "ab</w>": 2}, "merges": [["a", "b</w>"], "a b</w>"]}}
        """u8.ToArray();

    private static byte[] Bert(string file) => File.ReadAllBytes(FamilyGoldens.PathOf("models", "ldm-bert", "tokenizer", file));

    /// <summary>A unigram model with a normalizer of each kind.</summary>
    private static byte[] T5File() => """
        {"added_tokens": [{"id": 0, "content": "<pad>", "lstrip": false, "rstrip": false}, {"id": 1, "content": "</s>", "lstrip": true, "rstrip": true}],
         "normalizer": {"type": "Sequence", "normalizers": [{"type": "Precompiled", "precompiled_charsmap": null}, {"type": "NFKC"}, {"type": "Nmt"}, {"type": "Lowercase"},
          {"type": "Strip", "strip_left": false, "strip_right": true}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "\u2581"},
          {"type": "Replace", "pattern": {"String": "``"}, "content": "\""}]},
         "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": true}]},
         "model": {"type": "Unigram", "unk_id": 2, "vocab": [["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0], ["\u2581", -2.5], ["a", -3], ["\u2581photo", -5.25]]}}
        """u8.ToArray();

    /// <summary>SentencePiece's file: pieces of text, score and type.</summary>
    private static byte[] Pieces()
    {
        var file = new ProtobufWriter();
        foreach (var (text, score, type) in ((string, float, long)[])[("<pad>", 0, 3), ("</s>", 0, 3), ("<unk>", 0, 2), ("\u2581", -2.5f, 1), ("a", -3, 1), ("\u2581photo", -5.25f, 1)])
        {
            file.Field(1, [.. ProtobufField.Of(1, text).Encoded.Span, 0x15, .. BitConverter.GetBytes(score), .. ProtobufField.Of(3, type).Encoded.Span]);
        }

        return file.ToArray();
    }

    private static void Link(string source, string target)
    {
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            var link = Path.Combine(target, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(link)!);
            File.CreateSymbolicLink(link, file);
        }
    }

    private void CopySd1(string name)
    {
        var source = Goldens.PathOf("models", "sd1");
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            var target = _work.PathOf(Path.Combine(name, Path.GetRelativePath(source, file)));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);

            // Networks without their weights are read faster.
            if (file.EndsWith(".onnx", StringComparison.Ordinal))
            {
                File.CreateSymbolicLink(target, file);
            }
            else
            {
                File.Copy(file, target);
            }
        }
    }
}
