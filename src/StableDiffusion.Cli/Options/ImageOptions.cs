using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>
/// The options that say what one picture is: on the command line of every command that paints, and of every line of a batch file.
/// </summary>
internal sealed class ImageOptions
{
    private static readonly (string, RandomGenerator)[] _generators =
        [("cpu", RandomGenerator.Cpu), ("torch", RandomGenerator.Cpu), ("nvidia", RandomGenerator.Nvidia), ("nv", RandomGenerator.Nvidia), ("cuda", RandomGenerator.Nvidia)];

    public Argument<string?> PromptArgument { get; } = new("prompt")
    {
        Description = "What the picture should show; - reads it from standard input.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    public Option<string?> Prompt { get; } = new("--prompt", "-p") { Description = "The same as an option.", HelpName = "text" };

    public Option<string?> NegativePrompt { get; } = new("--negative-prompt", "-n", "--negative_prompt")
    {
        Description = "What it should not show. Plays a part with --cfg-scale above 1 only.",
        HelpName = "text",
    };

    public Option<string?> Prompt2 { get; } = new("--prompt-2") { Description = "SDXL, SD 3, Flux: the text for the second encoder. [default: the prompt]", HelpName = "text" };

    public Option<string?> NegativePrompt2 { get; } = new("--negative-prompt-2")
    {
        Description = "SDXL, SD 3, Flux: the negative text for the second encoder. [default: the negative prompt]",
        HelpName = "text",
    };

    public Option<string?> Prompt3 { get; } = new("--prompt-3") { Description = "SD 3: the text for T5. [default: the prompt]", HelpName = "text" };

    public Option<string?> NegativePrompt3 { get; } = new("--negative-prompt-3")
    {
        Description = "SD 3: the negative text for T5. [default: the negative prompt]",
        HelpName = "text",
    };

    public Option<int?> MaxSequenceLength { get; } = new("--max-sequence-length")
    {
        Description = "SD 3, Flux: tokens that T5 is given, up to 512. [default: 256, Flux 512]",
        HelpName = "n",
    };

    public Option<double?> DistilledGuidance { get; } = new("--guidance")
    {
        Description = "Flux dev: the guidance scale that the network is told; --cfg-scale above 1 runs it twice a step. [default: 3.5, with -i 7]",
        HelpName = "x",
    };

    public Option<int?> Steps { get; } = new("--steps", "--num-inference-steps", "--ddim-steps", "--step-count")
    {
        Description = "Denoising steps: more take longer and get finer. [default: from the model, else 50]",
        HelpName = "n",
    };

    public Option<double?> CfgScale { get; } = new("--cfg-scale", "--guidance-scale", "--scale", "--cfg_scale")
    {
        Description = "How closely to follow the prompt; 1 or less turns guidance off and halves the time. [default: from the model, else 7.5]",
        HelpName = "x",
    };

    public Option<double> GuidanceRescale { get; } = new("--guidance-rescale")
    {
        Description = "Share, 0 to 1, by which guidance's over-exposure is taken back.",
        HelpName = "x",
        DefaultValueFactory = _ => 0,
    };

    public Option<double> GuidanceStart { get; } = new("--guidance-start")
    {
        Description = "Share of the run, 0 to 1, from which on guidance is on.",
        HelpName = "x",
        DefaultValueFactory = _ => 0,
    };

    public Option<double> GuidanceEnd { get; } = new("--guidance-end")
    {
        Description = "Share of the run up to which guidance is on.",
        HelpName = "x",
        DefaultValueFactory = _ => 1,
    };

    public Option<int> GuidanceEvery { get; } = new("--guidance-every")
    {
        Description = "Run the network without the prompt only at each n-th step, and let the last difference guide those between: faster, another picture.",
        HelpName = "n",
        DefaultValueFactory = _ => 1,
    };

    public Option<string?> DeepCache { get; } = new("--deep-cache")
    {
        Description = "Run the whole U-Net only at each n-th step, and its outermost layers between, from skip connection 0 on: faster, another picture. SD 1, 2 and XL.",
        HelpName = "n[:branch]",
    };

    public Option<int?> Width { get; } = new("--width", "-W") { Description = "Width in pixels. [default: from the model]", HelpName = "pixels" };

    public Option<int?> Height { get; } = new("--height", "-H") { Description = "Height in pixels. [default: from the model]", HelpName = "pixels" };

    public Option<string> Seed { get; } = new("--seed", "-s")
    {
        Description = "The seed; a list 1,2,3 or a range 5..9 paints one picture each; -1 draws one. The seed used is always reported and stored.",
        HelpName = "seed",
        DefaultValueFactory = _ => "-1",
    };

    public Option<int> BatchCount { get; } = new("--batch-count", "-b", "--image-count", "--n_iter")
    {
        Description = "Pictures to paint, with seed, seed+1, …: each can be painted again alone.",
        HelpName = "n",
        DefaultValueFactory = _ => 1,
    };

    public Option<int> BatchSize { get; } = new("--batch_size")
    {
        Description = "webuis' pictures a round: as many more seeds for each of --batch-count (their n_iter), each from its own noise.",
        HelpName = "n",
        DefaultValueFactory = _ => 1,
    };

    public Option<int> NumImages { get; } = new("--num-images", "--num-images-per-prompt")
    {
        Description = "Pictures of each seed, in one batch from one generator, as diffusers' num_images_per_prompt.",
        HelpName = "n",
        DefaultValueFactory = _ => 1,
    };

    public Option<string?> Scheduler { get; } = new("--scheduler", "--sampler", "--sampling-method", "--sampler_name", "-A")
    {
        Description = $"{string.Join(", ", SchedulerTable.Names)}; webui and diffusers names work too. [default: the model's own]",
        HelpName = "name",
    };

    public Option<string?> Sigmas { get; } = new("--sigmas", "--schedule-type")
    {
        Description = "Spread of the noise levels. [default: the model's own]",
        HelpName = "karras|exponential|beta",
    };

    public Option<string?> Spacing { get; } = new("--spacing", "--timestep-spacing")
    {
        Description = "Spread of the time steps. [default: the model's own]",
        HelpName = "leading|linspace|trailing",
    };

    public Option<string?> Prediction { get; } = new("--prediction", "--prediction-type")
    {
        Description = "What the UNet was trained to predict. [default: the model's own]",
        HelpName = "epsilon|v_prediction|sample",
    };

    public Option<string[]> SchedulerConfig { get; } = new("--scheduler-config")
    {
        Description = "An entry to lay over scheduler_config.json, such as solver_order=3; may be given several times.",
        HelpName = "key=value",
        DefaultValueFactory = _ => [],
    };

    public Option<double?> Eta { get; } = new("--eta", "--ddim-eta", "--ddim_eta")
    {
        Description = "DDIM: fresh noise between steps, 0 (none) to 1 (as DDPM); TCD: its gamma. [default: 0]",
        HelpName = "x",
    };

    public Option<int> ClipSkip { get; } = new("--clip-skip")
    {
        Description = "Text encoder layer to stop at, counted from the end: 1 is the last, 2 leaves one out.",
        HelpName = "n",
        DefaultValueFactory = _ => 1,
    };

    public Option<string> LongPrompt { get; } = new("--long-prompt")
    {
        Description = "chunk: any length, with (weights:1.2), [less] and BREAK, as webuis; truncate: plain text cut at the model's limit, as diffusers.",
        HelpName = "chunk|truncate",
        DefaultValueFactory = _ => "chunk",
    };

    public Option<string> Rng { get; } = new("--rng")
    {
        Description = "Generator of the noise: cpu as PyTorch on a CPU, nvidia as webuis' \"RNG: NV\".",
        HelpName = "cpu|nvidia",
        DefaultValueFactory = _ => "cpu",
    };

    public Option<string?> Latents { get; } = new("--latents")
    {
        Description = "Start noise instead of a drawn one: float32 [n, 4, height/8, width/8], unit variance.",
        HelpName = "file.npy",
    };

    public Option<string?> InitImage { get; } = new("--init-image", "-i", "--init-img", "--image") { Description = "A picture to start from: PNG, JPEG, WebP, BMP, GIF or TIFF.", HelpName = "file" };

    public Option<double?> Strength { get; } = new("--strength", "-f")
    {
        Description = "How far to go from --init-image: 0 leaves it, 1 forgets it. [default: from the model, else 0.8, SDXL 0.3, SD 3 and Flux 0.6]",
        HelpName = "x",
    };

    public Option<string?> Mask { get; } = new("--mask", "--mask-image") { Description = "A picture, white where --init-image is to be painted anew.", HelpName = "file" };

    public Option<string> ResizeMode { get; } = new("--resize-mode")
    {
        Description = "How --init-image gets its size (Lanczos): stretched, cropped to fill, or filled up at the edges.",
        HelpName = "stretch|crop|fill",
        DefaultValueFactory = _ => "stretch",
    };

    public Option<string?> OriginalSize { get; } = new("--original-size") { Description = "SDXL: size the model is to believe its example had. [default: -W x -H]", HelpName = "WxH" };

    public Option<string?> Crop { get; } = new("--crop") { Description = "SDXL: where it is to believe its example was cropped. [default: 0,0]", HelpName = "top,left" };

    public Option<string?> TargetSize { get; } = new("--target-size") { Description = "SDXL: size it is to aim at. [default: -W x -H]", HelpName = "WxH" };

    public Option<int> Quality { get; } = new("--quality")
    {
        Description = "Of JPEG and WebP, 1 to 100; PNG loses nothing.",
        HelpName = "n",
        DefaultValueFactory = _ => PictureWriter.DefaultQuality,
    };

    public AdapterOptions Adapters { get; } = new();

    public ControlOptions Controls { get; } = new();

    public TilingOptions Tiles { get; } = new();

    public VariationOptions Variations { get; } = new();

    public HiresOptions Larger { get; } = new();

    /// <summary>
    /// What each option, and each field of a batch line, sets: the one place that knows. In the order of the help text.
    /// </summary>
    public IReadOnlyList<Setting> Table { get; }

    public ImageOptions() => Table =
    [
        new(Prompt, nameof(ImageRequest.Prompt)),
        Setting.Of(NegativePrompt, nameof(ImageRequest.NegativePrompt), (request, value) => request with { NegativePrompt = value }),
        Setting.Of(Steps, nameof(ImageRequest.Steps), (request, value) => request with { Steps = value }),
        Setting.Of(CfgScale, nameof(ImageRequest.GuidanceScale), (request, value) => request with { GuidanceScale = value }),
        Setting.Of(Width, nameof(ImageRequest.Width), (request, value) => request with { Width = value }),
        Setting.Of(Height, nameof(ImageRequest.Height), (request, value) => request with { Height = value }),
        new(Seed, nameof(ImageRequest.Seeds), (request, given) => request with { Seeds = Seeds.Expand(given.GetValue(Seed)!, Rounds(given)) }),
        new(BatchCount),
        new(BatchSize),
        Setting.Of(NumImages, nameof(ImageRequest.ImagesPerSeed), (request, value) => request with { ImagesPerSeed = value }),
        Setting.Of(Scheduler, nameof(ImageRequest.Scheduler), (request, value) => request with { Scheduler = value }),
        new(Sigmas),
        new(Spacing),
        new(Prediction),
        new(SchedulerConfig, nameof(ImageRequest.SchedulerConfig), (request, given) => request with { SchedulerConfig = SchedulerEntries(given) }),
        Setting.Of(Eta, nameof(ImageRequest.Eta), (request, value) => request with { Eta = value }),
        .. Adapters.Table,
        .. Controls.Table,
        .. Variations.Table,
        .. Larger.Table,
        .. Tiles.Table,
        Setting.OfText(InitImage, nameof(ImageRequest.InitImage), (request, path) => WithInitImage(request, path)),
        Setting.Of(Strength, nameof(ImageRequest.Strength), (request, value) => request with { Strength = value }),
        Setting.OfText(Mask, nameof(ImageRequest.Mask), (request, path) => request with { Mask = PictureReader.ReadMask(path) }),
        Setting.Of(ResizeMode, nameof(ImageRequest.Fit), (request, name) => request with { Fit = Choice<ImageFit>(ResizeMode, name!) }),
        Setting.OfText(Latents, nameof(ImageRequest.Latents), (request, path) => request with { Latents = ReadLatents(path, Latents.Name) }),
        Setting.Of(ClipSkip, nameof(ImageRequest.ClipSkip), (request, value) => request with { ClipSkip = value }),
        Setting.Of(LongPrompt, nameof(ImageRequest.LongPrompt), (request, name) => request with { LongPrompt = Choice<LongPrompt>(LongPrompt, name!) }),
        Setting.Of(GuidanceRescale, nameof(ImageRequest.GuidanceRescale), (request, value) => request with { GuidanceRescale = value }),
        Setting.Of(GuidanceStart, nameof(ImageRequest.GuidanceStart), (request, value) => request with { GuidanceStart = value }),
        Setting.Of(GuidanceEnd, nameof(ImageRequest.GuidanceEnd), (request, value) => request with { GuidanceEnd = value }),
        Setting.Of(GuidanceEvery, nameof(ImageRequest.GuidanceEvery), (request, value) => request with { GuidanceEvery = value }),
        Setting.OfText(DeepCache, nameof(ImageRequest.DeepCache), (request, text) => request with { DeepCache = CacheOf(text) }),
        Setting.Of(Rng, nameof(ImageRequest.Generator), (request, name) => request with { Generator = Choice(Rng, name!, _generators) }),
        Setting.Of(Prompt2, nameof(ImageRequest.Prompt2), (request, value) => request with { Prompt2 = value }),
        Setting.Of(NegativePrompt2, nameof(ImageRequest.NegativePrompt2), (request, value) => request with { NegativePrompt2 = value }),
        Setting.Of(Prompt3, nameof(ImageRequest.Prompt3), (request, value) => request with { Prompt3 = value }),
        Setting.Of(NegativePrompt3, nameof(ImageRequest.NegativePrompt3), (request, value) => request with { NegativePrompt3 = value }),
        Setting.Of(MaxSequenceLength, nameof(ImageRequest.MaxSequenceLength), (request, value) => request with { MaxSequenceLength = value }),
        Setting.Of(DistilledGuidance, nameof(ImageRequest.DistilledGuidance), (request, value) => request with { DistilledGuidance = value }),
        Setting.OfText(OriginalSize, nameof(ImageRequest.OriginalSize), (request, text) => request with { OriginalSize = Numbers(OriginalSize, text, 'x', 1) }),
        Setting.OfText(Crop, nameof(ImageRequest.Crop), (request, text) => request with { Crop = Numbers(Crop, text, ',', 0) }),
        Setting.OfText(TargetSize, nameof(ImageRequest.TargetSize), (request, text) => request with { TargetSize = Numbers(TargetSize, text, 'x', 1) }),
        new(Quality),
    ];

    /// <summary>All options, in the order of the help text.</summary>
    public IEnumerable<Option> All => Table.Select(row => row.Option);

    /// <summary>The request that a command line makes.</summary>
    public ImageRequest Request(ParseResult line, Func<ModelFolder> model) => Request(new GivenByCommandLine(line), PromptText(line, model));

    /// <summary>The request that options or fields make for a prompt.</summary>
    /// <exception cref="RequestException">A value makes no sense.</exception>
    public ImageRequest Request(IGivenOptions given, string prompt)
    {
        if (given.Has(ResizeMode) && given.GetValue(InitImage) is null)
        {
            throw new RequestException($"{ResizeMode.Name} says how a picture gets its size; give one with {InitImage.Name}.");
        }

        var request = Table.Aggregate(new ImageRequest { Prompt = prompt }, (request, row) => row.Set?.Invoke(request, given) ?? request);
        QualityOf(given);
        return Variations.AddTo(Adapters.WithTags(request, given), given, given.GetValue(Seed)!, Rounds(given));
    }

    /// <summary>The quality that JPEG and WebP are written in.</summary>
    public int QualityOf(IGivenOptions given) => given.GetValue(Quality) is >= 1 and <= 100 and var quality
        ? quality
        : throw new RequestException($"{Quality.Name} {given.GetValue(Quality).ToString(CultureInfo.InvariantCulture)} must be from 1 to 100.");

    /// <summary>Seeds of one entry: <c>--batch-count</c> times <c>--batch_size</c>.</summary>
    private int Rounds(IGivenOptions given)
    {
        var (count, size) = (given.GetValue(BatchCount), given.GetValue(BatchSize));
        return size >= 1
            ? (int)Math.Min((long)count * size, int.MaxValue)
            : throw new RequestException($"{BatchSize.Name} {size} must be at least 1.");
    }

    /// <summary>Reads latents [pictures, channels, height, width].</summary>
    /// <param name="path">The file.</param>
    /// <param name="option">The option that names it, for messages.</param>
    public static Latents ReadLatents(string path, string option = "")
    {
        var array = NpyFile.Read(path);
        return array.Shape.Count == 4
            ? new Latents(array.Values, array.Shape[0], array.Shape[1], array.Shape[2], array.Shape[3])
            : throw new RequestException(
                $"{(option.Length > 0 ? $"{option} " : "")}{path} has the shape [{string.Join(", ", array.Shape)}]; it must be [pictures, channels, height, width].");
    }

    private static ImageRequest WithInitImage(ImageRequest request, string path)
    {
        var notes = new List<string>();
        return request with { InitImage = PictureReader.ReadInit(path, notes), Notes = notes };
    }

    private static (int First, int Second) Numbers(Option<string?> option, string text, char separator, int least) =>
        text.Split(separator) is [var first, var second]
        && int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var a) && a >= least
        && int.TryParse(second, NumberStyles.None, CultureInfo.InvariantCulture, out var b) && b >= least
            ? (a, b)
            : throw new RequestException($"{option.Name} '{text}' must be two whole numbers, such as {(separator == 'x' ? "512x512" : "0,0")}.");

    private static T Choice<T>(Option<string> option, string name)
        where T : struct, Enum =>
        Choice(option, name, [.. Enum.GetValues<T>().Select(value => (value.ToString().ToLowerInvariant(), value))]);

    private static T Choice<T>(Option<string> option, string name, params (string Name, T Value)[] choices)
    {
        foreach (var (one, value) in choices)
        {
            if (one.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return value;
            }
        }

        throw new RequestException($"{option.Name} '{name}' is not known; give {string.Join(" or ", choices.Select(choice => choice.Name))}.");
    }

    private Dictionary<string, JsonNode?> SchedulerEntries(IGivenOptions given)
    {
        var entries = new Dictionary<string, JsonNode?>();
        if (given.GetValue(Sigmas) is { } sigmas)
        {
            if (sigmas.ToLowerInvariant() is not ("karras" or "exponential" or "beta"))
            {
                throw new RequestException($"{Sigmas.Name} '{sigmas}' is not known; give karras, exponential or beta.");
            }

            foreach (var kind in (string[])["karras", "exponential", "beta"])
            {
                // Schedulers that lack one of the three refuse it only when it is turned on.
                if (kind.Equals(sigmas, StringComparison.OrdinalIgnoreCase))
                {
                    entries[$"use_{kind}_sigmas"] = JsonValue.Create(true);
                }
            }
        }

        AddChoice(entries, "timestep_spacing", Spacing, given);
        AddChoice(entries, "prediction_type", Prediction, given);
        foreach (var entry in given.GetValue(SchedulerConfig)!)
        {
            var split = entry.IndexOf('=', StringComparison.Ordinal);
            if (split <= 0)
            {
                throw new RequestException($"{SchedulerConfig.Name} '{entry}' must be key=value, such as solver_order=3.");
            }

            entries[entry[..split]] = ParseValue(entry[(split + 1)..]);
        }

        return entries;
    }

    private static void AddChoice(Dictionary<string, JsonNode?> entries, string key, Option<string?> option, IGivenOptions given)
    {
        if (given.GetValue(option) is { } value)
        {
            var choices = option.HelpName!.Split('|');
            entries[key] = choices.Contains(value)
                ? JsonValue.Create(value)
                : throw new RequestException($"{option.Name} {OneLine.Quote(value)} is not known; give {string.Join(" or ", choices)}.");
        }
    }

    private DeepCache CacheOf(string text)
    {
        var parts = text.Split(':');
        return parts.Length <= 2
            && int.TryParse(parts[0], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var interval)
            && int.TryParse(parts.ElementAtOrDefault(1) ?? "0", NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var branch)
            ? new DeepCache(interval, branch)
            : throw new RequestException($"{DeepCache.Name} {OneLine.Quote(text)} must be a number of steps, with or without a branch: 3 or 3:1.");
    }

    /// <summary>Numbers, true, false and null as JSON, the last three also as Python writes them; everything else as text.</summary>
    private static JsonNode? ParseValue(string text)
    {
        try
        {
            return JsonNode.Parse(text switch { "True" => "true", "False" => "false", "None" => "null", _ => text });
        }
        catch (JsonException)
        {
            return JsonValue.Create(text);
        }
    }

    /// <summary>The prompt that a command line gives, or standard input, which is read; empty where none is given for a model that reads none.</summary>
    /// <exception cref="RequestException">There is none, or there are two.</exception>
    public string PromptText(ParseResult line, Func<ModelFolder> model) => PromptOf(line)
        ?? (PlainRequest.PromptFor(model()).Length == 0 ? "" : throw new RequestException("no prompt is given; say what to paint, such as \"a red apple, 3d render\" (\"\" paints without a prompt)."));

    /// <summary>The prompt that a command line gives, read from standard input where it says so; null where it gives none.</summary>
    /// <exception cref="RequestException">It is given twice, or cannot be read.</exception>
    public string? PromptOf(ParseResult line)
    {
        var argument = line.GetValue(PromptArgument);
        var option = line.GetValue(Prompt);
        if (argument is not null && option is not null)
        {
            throw new RequestException("the prompt is given twice, as an argument and with --prompt; give it once.");
        }

        return (argument ?? option) is "-" ? StandardInput() : argument ?? option;
    }

    private static string StandardInput()
    {
        if (!StandardStreams.HasInput)
        {
            throw new RequestException("the prompt is to be read from standard input, which is closed; pipe a text into it.");
        }

        try
        {
            using var input = new StreamReader(Console.OpenStandardInput(), BatchReader.Encoding);
            return Interruption.WhileWaiting(input.ReadToEnd) is { Length: > 0 } text
                ? BatchReader.Checked(text, "standard input", firstLine: 1).TrimEnd('\r', '\n')
                : throw new RequestException("standard input is empty; pipe a text into it, or give \"\" as the prompt to paint without one.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new RequestException($"the prompt cannot be read from standard input: {OneLine.Of(error.Message)}; pipe a text into it.", error);
        }
    }
}
