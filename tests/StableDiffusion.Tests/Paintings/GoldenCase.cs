using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary>One run of a diffusers pipeline from <c>pictures/cases.json</c>: its arguments, final latents and pictures.</summary>
internal sealed class GoldenCase
{
    private readonly JsonObject _case;
    private readonly string _folder;

    private GoldenCase(JsonObject json, string folder) => (_case, _folder) = (json, folder);

    public static IReadOnlyList<GoldenCase> All { get; } = Read(Goldens.PathOf("pictures"));

    /// <summary>Cases with LoRAs and learnt words.</summary>
    public static IReadOnlyList<GoldenCase> Adapters { get; } = Read(LoraGoldens.Folder);

    /// <summary>Cases of the other architectures.</summary>
    public static IReadOnlyList<GoldenCase> Families { get; } = Read(Path.Combine(FamilyGoldens.Root, "pictures"));

    /// <summary>Cases with control networks.</summary>
    public static IReadOnlyList<GoldenCase> Controls { get; } = Read(Path.Combine(Goldens.Beside("controlnet"), "pictures"));

    public string Name => (string)_case["name"]!;

    public string Model => (string)_case["model"]!;

    public string Scheduler => (string)_case["scheduler"]!;

    /// <summary>Whether guidance is a number that the network is told, and the latents in the file are packed: FluxPipeline.</summary>
    public bool IsFlux => File.Exists(IndexPath) && (string?)JsonNode.Parse(File.ReadAllText(IndexPath))!["_class_name"] == "FluxPipeline";

    private string IndexPath => Path.Combine(_folder, "..", "models", Model, "model_index.json");

    public bool IsSquare64 => Width is 64 or null && Height is 64 or null;

    /// <summary>Whether an export that takes time steps as integers can be told them all.</summary>
    public bool HasWholeTimesteps
    {
        get
        {
            var config = Overrides.Aggregate(
                SchedulerConfig.Load(Goldens.PathOf("models", Model, "scheduler", "scheduler_config.json")),
                (config, entry) => config.With(entry.Key, entry.Value));
            var run = new SchedulerRun { Steps = (int)_case["num_inference_steps"]! };
            return SchedulerTable.Create(config, Scheduler == "default" ? null : Scheduler, run).Timesteps.All(float.IsInteger);
        }
    }

    public int Images => (int?)_case["num_images_per_prompt"] ?? 1;

    public bool ClipsSamples => (bool?)_case["scheduler_config"]?["clip_sample"] ?? false;

    /// <summary>The final latents, as the pipeline's <c>output_type="latent"</c> gave them.</summary>
    public float[] Latents => NpyFile.Read(Path.Combine(_folder, (string)_case["latents"]!)).Values;

    /// <summary>Painted latents as <see cref="Latents"/> has them.</summary>
    public float[] LatentsOf(IEnumerable<GeneratedImage> pictures) =>
        [.. pictures.SelectMany(picture => IsFlux ? Packed(picture.Latents) : picture.Latents.Values)];

    public IReadOnlyList<string> Pictures => [.. _case["images"]!.AsArray().Select(name => Path.Combine(_folder, (string)name!))];

    private int? Width => (int?)_case["width"];

    private int? Height => (int?)_case["height"];

    private long[] Seeds => _case["seed"] is JsonArray list ? [.. list.Select(seed => (long)seed!)] : [(long)_case["seed"]!];

    public static GoldenCase Named(string name) => All.Single(one => one.Name == name);

    private static IReadOnlyList<GoldenCase> Read(string folder) =>
        [.. JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "cases.json")))!.AsArray().Select(node => new GoldenCase(node!.AsObject(), folder))];

    /// <summary>The case as a request to the library, in diffusers' way of reading prompts.</summary>
    public ImageRequest ToRequest() => new()
    {
        Prompt = (string)_case["prompt"]!,
        NegativePrompt = (string?)_case["negative_prompt"],
        Prompt2 = (string?)_case["prompt_2"],
        Seeds = Seeds,
        ImagesPerSeed = Seeds.Length > 1 ? 1 : Images,
        Steps = (int)_case["num_inference_steps"]!,
        Prompt3 = (string?)_case["prompt_3"],
        NegativePrompt2 = (string?)_case["negative_prompt_2"],
        NegativePrompt3 = (string?)_case["negative_prompt_3"],
        MaxSequenceLength = (int?)_case["max_sequence_length"],
        GuidanceScale = IsFlux ? (double?)_case["true_cfg_scale"] : (double)_case["guidance_scale"]!,
        DistilledGuidance = IsFlux && HasGuidanceInput ? (double)_case["guidance_scale"]! : null,
        GuidanceRescale = (double?)_case["guidance_rescale"] ?? 0,
        Width = Width,
        Height = Height,
        Scheduler = Scheduler == "default" ? null : Scheduler,
        SchedulerConfig = Overrides.ToDictionary(entry => entry.Key, entry => entry.Value?.DeepClone()),
        Eta = (double?)_case["eta"],
        ClipSkip = ((int?)_case["clip_skip"] ?? 0) + 1,
        LongPrompt = LongPrompt.Truncate,
        InitImage = PathOf("init_image") is { } picture ? PngReader.Read(picture).Image : null,
        Mask = PathOf("mask_image") is { } mask ? PngReader.Read(mask).Image : null,
        Strength = (double?)_case["strength"],
        OriginalSize = Pair("original_size") is var (height, width) ? (width, height) : null,
        Crop = Pair("crops_coords_top_left") ?? (0, 0),
        TargetSize = Pair("target_size") is var (targetHeight, targetWidth) ? (targetWidth, targetHeight) : null,
        GuessMode = (bool?)_case["guess_mode"] ?? false,
        Controls =
        [
            .. Entries("controls").Select(control => new Control(
                Path.Combine(_folder, "..", "models", (string)control["model"]!), PngReader.Read(Path.Combine(_folder, (string)control["image"]!)).Image)
            {
                Strength = (double)control["scale"]!,
                Start = (double)control["start"]!,
                End = (double)control["end"]!,
            }),
        ],
        Loras = [.. Entries("loras").Select(lora => Lora.Of(Path.Combine(_folder, (string)lora["file"]!), (double)lora["weight"]!))],
        Embeddings = [.. Entries("embeddings").Select(one => new TextualInversion(Path.Combine(_folder, (string)one["file"]!), (string?)one["token"]))],
    };

    /// <summary>The case as a command line.</summary>
    public IReadOnlyList<string> ToArguments()
    {
        List<string> arguments = [(string)_case["prompt"]!, "--long-prompt", "truncate", "--seed", string.Join(',', Seeds)];
        void Add(string option, string key)
        {
            if (_case[key] is { } value)
            {
                arguments.AddRange([option, value.ToString()]);
            }
        }

        Add("--negative-prompt", "negative_prompt");
        Add("--steps", "num_inference_steps");
        if (!IsFlux)
        {
            Add("--cfg-scale", "guidance_scale");
        }
        else if (HasGuidanceInput)
        {
            Add("--guidance", "guidance_scale");
        }

        Add("--max-sequence-length", "max_sequence_length");
        Add("--prompt-3", "prompt_3");
        Add("--guidance-rescale", "guidance_rescale");
        Add("-W", "width");
        Add("-H", "height");
        Add("--eta", "eta");
        Add("--strength", "strength");
        Add("--prompt-2", "prompt_2");
        if (Seeds.Length == 1)
        {
            Add("--num-images", "num_images_per_prompt");
        }

        if (Scheduler != "default")
        {
            arguments.AddRange(["--scheduler", Scheduler]);
        }

        foreach (var (key, value) in Overrides)
        {
            arguments.AddRange(["--scheduler-config", $"{key}={(value is JsonValue text && text.GetValueKind() == JsonValueKind.String ? (string)text! : value?.ToJsonString())}"]);
        }

        if (_case["clip_skip"] is { } skip)
        {
            arguments.AddRange(["--clip-skip", ((int)skip + 1).ToString(CultureInfo.InvariantCulture)]);
        }

        foreach (var (option, key) in (IEnumerable<(string, string)>)[("--init-image", "init_image"), ("--mask", "mask_image")])
        {
            if (PathOf(key) is { } path)
            {
                arguments.AddRange([option, path]);
            }
        }

        foreach (var (option, key, separator) in (IEnumerable<(string, string, char)>)[("--original-size", "original_size", 'x'), ("--target-size", "target_size", 'x')])
        {
            if (Pair(key) is var (height, width))
            {
                arguments.AddRange([option, string.Create(CultureInfo.InvariantCulture, $"{width}{separator}{height}")]);
            }
        }

        if (Pair("crops_coords_top_left") is var (top, left))
        {
            arguments.AddRange(["--crop", string.Create(CultureInfo.InvariantCulture, $"{top},{left}")]);
        }

        return arguments;
    }

    private JsonObject Overrides => _case["scheduler_config"]?.AsObject() ?? [];

    private IEnumerable<JsonNode> Entries(string key) => _case[key]?.AsArray().Select(entry => entry!) ?? [];

    private bool HasGuidanceInput =>
        (bool?)JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "..", "models", Model, "transformer", "config.json")))!["guidance_embeds"] ?? false;

    private string? PathOf(string key) => (string?)_case[key] is { } name ? Path.Combine(_folder, name) : null;

    private (int First, int Second)? Pair(string key) => _case[key] is JsonArray { Count: 2 } pair ? ((int)pair[0]!, (int)pair[1]!) : null;

    /// <summary>FluxPipeline's <c>_pack_latents</c>, written from its view and permute: [h/2 · w/2, channels · 4].</summary>
    private static IEnumerable<float> Packed(StableDiffusion.Latents latents) =>
        from y in Enumerable.Range(0, latents.Height / 2)
        from x in Enumerable.Range(0, latents.Width / 2)
        from channel in Enumerable.Range(0, latents.Channels)
        from dy in Enumerable.Range(0, 2)
        from dx in Enumerable.Range(0, 2)
        select latents.Values[(((channel * latents.Height) + (2 * y) + dy) * latents.Width) + (2 * x) + dx];
}
