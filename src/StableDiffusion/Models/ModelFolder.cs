namespace StableDiffusion;

/// <summary>
/// A folder with the ONNX export of a pipeline, as optimum and diffusers lay it out: what files it has, and every size, factor and
/// constant that its <c>config.json</c> files state. A key that is absent has the default of the diffusers class.
/// </summary>
public sealed class ModelFolder
{
    private const int MostTokens = 65536;

    private const string SchedulerFile = "scheduler/scheduler_config.json";

    private const string WhereModelsAre = "See models/README.md for the folder that is needed.";

    /// <summary>As its file says.</summary>
    private readonly SchedulerConfig _scheduler;

    private ModelFolder(string path, string? variant)
    {
        Path = path;
        Variant = variant;
        Name = ModelPlace.NameOf(path);
        var hasIndex = File.Exists(Combine("model_index.json"));
        var index = hasIndex ? JsonFile.Read(Combine("model_index.json")) : JsonFile.ReadIfExists(Combine("model_index.json"));
        PipelineClass = hasIndex ? index.Text("_class_name") : ModelGuess.PipelineClass(this);
        var family = ModelFamily.Of(PipelineClass, this);
        ForceZerosForEmptyPrompt = index.Flag("force_zeros_for_empty_prompt") ?? family.ForcesZerosForEmptyPrompt;
        RequireFiles([.. family.NeededFiles(this).Where(file => file != SchedulerFile || family.UsualScheduler is null)]);

        var network = JsonFile.ReadIfExists(Combine(family.NetworkPart, "config.json"));
        (SampleHeight, SampleWidth) = family.SampleSize(network);
        TimeConditioningWidth = network.Integer("time_cond_proj_dim");
        Network = family.ReadNetwork(Graphs.Of(NetworkOf(family.NetworkPart)), network);

        Vae = VaeConfig.Read(JsonFile.ReadIfExists(Combine("vae_decoder", "config.json"), Combine("vae", "config.json")), family.NormalizesLatents);
        SizeGrid = PixelsPerLatent * family.LatentGrid(network);
        Family = family.For(this);
        RequireVariant();

        MaxTextLength = JsonFile.ReadIfExists(Combine("text_encoder", "config.json")).Integer("max_position_embeddings", MostTokens) ?? 77;
        var scheduler = Combine(SchedulerFile);
        var hasScheduler = File.Exists(scheduler);
        _scheduler = hasScheduler ? SchedulerConfig.Load(scheduler) : ModelGuess.Scheduler(Family.UsualScheduler!);
        Scheduler = Family.AsPipelineLoads(_scheduler, hasMask: false);
        Guess = hasIndex && hasScheduler ? null : ModelGuess.Describe(this, hasIndex, hasScheduler);
        Vocabulary = ModelVocabulary.Read(Combine("vocabulary.json"));
        Defaults = Family.Defaults(this).Or(JsonFile.ReadIfExists(Combine("generation_config.json")));
    }

    /// <summary>The folder with the networks: as it was given, or the snapshot in a folder of the hub's cache.</summary>
    public string Path { get; }

    /// <summary>The variant of its networks that was asked for; null for the plain ones.</summary>
    public string? Variant { get; }

    /// <summary>What the program calls the model: the folder's own name, or for a snapshot its repository's.</summary>
    public string Name { get; }

    /// <summary>The diffusers pipeline that <c>model_index.json</c> names, such as <c>StableDiffusionPipeline</c>; without that file what the networks look like.</summary>
    public string? PipelineClass { get; }

    /// <summary>What was assumed of a model whose folder lacks <c>model_index.json</c> or a scheduler, in one line; null where nothing was.</summary>
    internal string? Guess { get; }

    /// <summary>The scheduler the model was made for, with all its parameters.</summary>
    internal SchedulerConfig Scheduler { get; }

    /// <summary>Steps, guidance scale and strength where a request leaves them open.</summary>
    internal GenerationDefaults Defaults { get; }

    /// <summary>Channels of the latents (4 for Stable Diffusion).</summary>
    public int LatentChannels => Vae.LatentChannels;

    /// <summary>Pixels along one side of a latent (8 for Stable Diffusion).</summary>
    public int PixelsPerLatent => Vae.PixelsPerLatent;

    /// <summary>Widths and heights must be multiples of this many pixels, so that every level of the UNet halves evenly.</summary>
    public int SizeGrid { get; }

    /// <summary>The width in pixels the model was trained at.</summary>
    public int DefaultWidth => SampleWidth * PixelsPerLatent;

    /// <summary>The height in pixels the model was trained at.</summary>
    public int DefaultHeight => SampleHeight * PixelsPerLatent;

    /// <summary>Denoising steps of a request from noise that leaves them open.</summary>
    public int DefaultSteps => Defaults.Steps;

    /// <summary>Guidance scale of a request from noise that leaves it open.</summary>
    public double DefaultGuidanceScale => Defaults.GuidanceScale;

    /// <summary>The schedulers that can run with this model, by their short names.</summary>
    public IReadOnlyList<string> SchedulerNames => [.. SchedulerTable.Entries.Where(Family.CanUse).Select(entry => entry.Name)];

    /// <summary>What the autoencoder's configuration says.</summary>
    internal VaeConfig Vae { get; }

    /// <summary>Tokens of one text, with the start and end tokens (77 for CLIP).</summary>
    internal int MaxTextLength { get; }

    /// <summary>Width of the guidance embedding that latent consistency models are fed; null for all others.</summary>
    internal int? TimeConditioningWidth { get; }

    /// <summary>Whether a prompt that is not given is encoded as zeros (SDXL).</summary>
    internal bool ForceZerosForEmptyPrompt { get; }

    /// <summary>What the model was taught, where its folder says so; null for most.</summary>
    internal ModelVocabulary? Vocabulary { get; }

    internal bool HasSecondTextEncoder => Family.ConditionerParts(this).Contains("text_encoder_2");

    /// <summary>Which networks it has and how they work together.</summary>
    internal ModelFamily Family { get; }

    /// <summary>What the denoising network's graph insists on.</summary>
    internal NetworkSignature Network { get; }

    /// <summary>The graphs of its networks.</summary>
    internal NetworkGraphs Graphs { get; } = new();

    private int SampleHeight { get; }

    private int SampleWidth { get; }

    /// <summary>
    /// Reads a model folder; a <see cref="ModelException"/> names every missing file at once. The root of a repository in the hub's cache
    /// stands for the snapshot of its main branch.
    /// </summary>
    /// <param name="path">The folder.</param>
    /// <param name="variant">
    /// Which networks to take where a part has several: <c>fp16</c> for <c>model_fp16.onnx</c> or <c>model.fp16.onnx</c>, <c>quantized</c> for
    /// <c>model_quantized.onnx</c>. Parts without such a file have their plain one. Null for the plain ones.
    /// </param>
    /// <exception cref="ModelException">Files are missing or broken.</exception>
    /// <exception cref="RequestException">No part has a network of that variant; the message lists those there are.</exception>
    public static ModelFolder Open(string path, string? variant = null) => new(ModelPlace.Find(path), variant);

    /// <summary>The scheduler's configuration as the family's pipeline in diffusers takes it, that for inpainting where there is a mask.</summary>
    internal SchedulerConfig SchedulerFor(ImageRequest request) =>
        request.Controls.Count > 0 ? _scheduler : request.Mask is not null ? Family.AsPipelineLoads(_scheduler, hasMask: true) : Scheduler;

    /// <summary>Builds a scheduler for this model, ready for its first step: for callers that put one of their own around it.</summary>
    /// <param name="name">Any name of a scheduler; null is the model's own.</param>
    /// <param name="run">What it is to run.</param>
    /// <exception cref="RequestException">There is no such scheduler, or it cannot do what is asked.</exception>
    public IScheduler CreateScheduler(string? name, SchedulerRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        return SchedulerTable.Create(Scheduler, name, run);
    }

    /// <summary>
    /// The path of a part's network: <c>unet/model.onnx</c>, or the only one that is there under another name (<c>model_fp16.onnx</c>).
    /// </summary>
    /// <exception cref="ModelException">Several are there, and none is named <c>model.onnx</c>.</exception>
    internal string NetworkOf(string part)
    {
        if (Variant is not null && Array.Find(NetworksOf(part), file => string.Equals(VariantOf(file), Variant, StringComparison.OrdinalIgnoreCase)) is { } chosen)
        {
            return chosen;
        }

        var usual = Combine(part, "model.onnx");
        if (File.Exists(usual))
        {
            return usual;
        }

        string[] all = NetworksOf(part);
        return all.Length switch
        {
            0 => NetworkInOneFolder(part) ?? usual,
            1 => all[0],
            _ => Array.Find(all, other => System.IO.Path.GetFileName(other) == "model.onnx") ?? throw new ModelException(
                $"{Combine(part)} has several networks, {string.Join(", ", all.Select(System.IO.Path.GetFileName))}; give the one to be used the name model.onnx."),
        };
    }

    /// <summary>Half of an autoencoder that lies in one folder <c>vae</c>: the only network there whose name has <c>encoder</c> or <c>decoder</c> in it.</summary>
    private string? NetworkInOneFolder(string part)
    {
        var folder = Combine("vae");
        if (!part.StartsWith("vae_", StringComparison.Ordinal) || !Directory.Exists(folder))
        {
            return null;
        }

        string[] found =
        [
            .. ModelFiles.In(folder, "*.onnx", SearchOption.AllDirectories)
                .Where(file => System.IO.Path.GetRelativePath(folder, file).Contains(part["vae_".Length..], StringComparison.OrdinalIgnoreCase)),
        ];
        return found.Length == 1 ? found[0] : null;
    }

    /// <summary>The path of a file or folder of the model; many repositories keep what belongs to the export in a folder <c>onnx</c>.</summary>
    internal string Combine(params ReadOnlySpan<string> parts)
    {
        var here = System.IO.Path.Combine([Path, .. parts]);
        var below = System.IO.Path.Combine([Path, "onnx", .. parts]);
        return !System.IO.Path.Exists(here) && System.IO.Path.Exists(below) ? below : here;
    }

    /// <summary>The folders of all its networks, whether they are there or not.</summary>
    internal string[] Parts => [Family.NetworkPart, .. Family.ConditionerParts(this), .. Family.CodecParts];

    private string[] NetworksOf(string part)
    {
        string[] places = [Combine(part), Combine(part, "onnx")];
        return [.. places.Where(Directory.Exists).SelectMany(place => ModelFiles.In(place, "*.onnx")).Order(StringComparer.Ordinal)];
    }

    /// <summary>What stands behind the last mark of a network's name: <c>fp16</c> of <c>model_fp16.onnx</c>; null for a plain one.</summary>
    private static string? VariantOf(string file)
    {
        var stem = System.IO.Path.GetFileNameWithoutExtension(file);
        var mark = stem.AsSpan().LastIndexOfAny('_', '.');
        return mark > 0 && stem[(mark + 1)..] is { Length: > 0 } and not "model" and var variant ? variant : null;
    }

    private void RequireVariant()
    {
        if (Variant is not { } asked)
        {
            return;
        }

        var there = Parts.SelectMany(NetworksOf).Select(VariantOf).OfType<string>().Distinct(StringComparer.OrdinalIgnoreCase).Order(StringComparer.Ordinal).ToList();
        if (!there.Contains(asked, StringComparer.OrdinalIgnoreCase))
        {
            var have = there.Count == 0 ? "plain ones only" : string.Join(", ", there);
            throw new RequestException(nameof(PipelineOptions.Variant), $"{nameof(PipelineOptions.Variant):name} {OneLine.Quote(asked)}: {Path} has no such networks; it has {have}.");
        }
    }

    /// <summary>Bytes of each network with its external weights, by its folder: about what they take in memory.</summary>
    /// <param name="widened">Whether float16 is held as float32, as on a CPU, which does not compute with it.</param>
    /// <param name="precision">Whether linear layers are rounded.</param>
    internal IReadOnlyDictionary<string, long> WeightBytes(bool widened, WeightPrecision precision)
    {
        long BytesOf(string part)
        {
            var graph = Graphs.Of(NetworkOf(part));
            var isRounded = precision == WeightPrecision.EightBit && new EightBitEdit().AppliesTo(part);
            return NetworkFile.Bytes(graph, widened) - (isRounded ? EightBitEdit.BytesSaved(graph, widened) : 0);
        }

        return Parts.Where(part => File.Exists(NetworkOf(part))).ToDictionary(part => part, BytesOf);
    }

    private void RequireFiles(IReadOnlyList<string> needed)
    {
        var missing = needed.Where(file => !IsHere(file)).ToList();
        if (missing.Count > 0)
        {
            throw new ModelException($"{Path} lacks {string.Join(", ", missing)}. {WhereModelsAre}");
        }

        foreach (var network in needed.Where(IsNetwork))
        {
            NetworkFile.RequireWhole(NetworkOf(System.IO.Path.GetDirectoryName(network)!), Graphs);
        }
    }

    /// <summary>Whether a file is there, or another that says the same.</summary>
    private bool IsHere(string file)
    {
        var folder = System.IO.Path.GetDirectoryName(file)!;
        return IsNetwork(file) ? File.Exists(NetworkOf(folder))
            : File.Exists(Combine(file)) || (folder.StartsWith("tokenizer", StringComparison.Ordinal) && File.Exists(Combine(folder, ClipTokenizer.OneFile)));
    }

    private static bool IsNetwork(string file) => file.EndsWith(".onnx", StringComparison.Ordinal);
}
