using System.Globalization;

namespace StableDiffusion;

/// <summary>
/// A folder with the ONNX export of a pipeline, as optimum and diffusers lay it out: what files it has, and every size, factor and
/// constant that its <c>config.json</c> files state. A key that is absent has the default of the diffusers class.
/// </summary>
public sealed class ModelFolder
{
    private const string WhereModelsAre = "See models/README.md for the folder that is needed.";

    private ModelFolder(string path)
    {
        Path = path;
        Name = new DirectoryInfo(path).Name;
        var index = JsonFile.Read(Combine("model_index.json"));
        PipelineClass = index.Text("_class_name");
        ForceZerosForEmptyPrompt = index.Flag("force_zeros_for_empty_prompt") ?? false;
        var family = ModelFamily.Of(PipelineClass, this);
        RequireFiles(family.NeededFiles(this));

        var network = JsonFile.ReadIfExists(Combine(family.NetworkPart, "config.json"));
        (SampleHeight, SampleWidth) = family.SampleSize(network);
        TimeConditioningWidth = network.Integer("time_cond_proj_dim");
        Network = family.ReadNetwork(NetworkOf(family.NetworkPart), network);

        var vae = JsonFile.ReadIfExists(Combine("vae_decoder", "config.json"), Combine("vae", "config.json"));
        ScalingFactor = vae.NumberNotZero("scaling_factor") ?? 0.18215;
        ShiftFactor = vae.Number("shift_factor") ?? 0;
        LatentChannels = vae.Integer("latent_channels") ?? 4;
        VaeSampleSize = vae.Pair("sample_size")?.First ?? 512;
        VaeChannels = vae.Integers("block_out_channels")?[0] ?? 128;
        PixelsPerLatent = 1 << (vae.Length("block_out_channels") - 1 ?? 3);
        SizeGrid = PixelsPerLatent * family.LatentGrid(network);
        Family = family.For(this);

        MaxTextLength = JsonFile.ReadIfExists(Combine("text_encoder", "config.json")).Integer("max_position_embeddings") ?? 77;
        Scheduler = Family.AsPipelineLoads(SchedulerConfig.Load(Combine("scheduler", "scheduler_config.json")));
        Vocabulary = ModelVocabulary.Read(Combine("vocabulary.json"));
        Defaults = Family.Defaults(this).Or(JsonFile.ReadIfExists(Combine("generation_config.json")));
    }

    /// <summary>The folder, as it was given.</summary>
    public string Path { get; }

    /// <summary>The folder's own name: what the program calls the model.</summary>
    public string Name { get; }

    /// <summary>The diffusers pipeline that <c>model_index.json</c> names, such as <c>StableDiffusionPipeline</c>.</summary>
    public string? PipelineClass { get; }

    /// <summary>The scheduler the model was made for, with all its parameters.</summary>
    internal SchedulerConfig Scheduler { get; }

    /// <summary>Steps, guidance scale and strength where a request leaves them open.</summary>
    public GenerationDefaults Defaults { get; }

    /// <summary>Channels of the latents (4 for Stable Diffusion).</summary>
    public int LatentChannels { get; }

    /// <summary>Pixels along one side of a latent (8 for Stable Diffusion).</summary>
    public int PixelsPerLatent { get; }

    /// <summary>Widths and heights must be multiples of this many pixels, so that every level of the UNet halves evenly.</summary>
    public int SizeGrid { get; }

    /// <summary>The width in pixels the model was trained at.</summary>
    public int DefaultWidth => SampleWidth * PixelsPerLatent;

    /// <summary>The height in pixels the model was trained at.</summary>
    public int DefaultHeight => SampleHeight * PixelsPerLatent;

    /// <summary>Latents are divided by this before they are decoded (<c>scaling_factor</c> of the VAE).</summary>
    public double ScalingFactor { get; }

    /// <summary>Pixels along one side that the autoencoder was trained at (<c>sample_size</c> of the VAE): the size of tiles.</summary>
    internal int VaeSampleSize { get; }

    /// <summary>Channels of the autoencoder at the full size of a picture.</summary>
    internal int VaeChannels { get; }

    /// <summary>Added to the latents after that division (<c>shift_factor</c> of the VAE).</summary>
    public double ShiftFactor { get; }

    /// <summary>Tokens of one text, with the start and end tokens (77 for CLIP).</summary>
    public int MaxTextLength { get; }

    /// <summary>Width of the guidance embedding that latent consistency models are fed; null for all others.</summary>
    public int? TimeConditioningWidth { get; }

    /// <summary>Whether a prompt that is not given is encoded as zeros (SDXL).</summary>
    public bool ForceZerosForEmptyPrompt { get; }

    /// <summary>What the model was taught, where its folder says so; null for most.</summary>
    internal ModelVocabulary? Vocabulary { get; }

    internal bool HasSecondTextEncoder => Family.ConditionerParts(this).Contains("text_encoder_2");

    /// <summary>Which networks it has and how they work together.</summary>
    internal ModelFamily Family { get; }

    /// <summary>What the denoising network's graph insists on.</summary>
    internal NetworkSignature Network { get; }

    private int SampleHeight { get; }

    private int SampleWidth { get; }

    /// <summary>Reads a model folder; a <see cref="ModelException"/> names every missing file at once.</summary>
    public static ModelFolder Open(string path)
    {
        if (!Directory.Exists(path))
        {
            throw new ModelException(File.Exists(path)
                ? $"{path} is a file; a model is a folder with model_index.json in it. {WhereModelsAre}"
                : $"{OneLine.Quote(path)} does not exist. {WhereModelsAre}");
        }

        if (!File.Exists(System.IO.Path.Combine(path, "model_index.json")))
        {
            throw new ModelException($"{path} is not a model: it has no model_index.json. {WhereModelsAre}");
        }

        return new ModelFolder(path);
    }

    /// <summary>The path of a part's network, such as <c>unet/model.onnx</c>.</summary>
    internal string NetworkOf(string part) => Combine(part, "model.onnx");

    internal string Combine(params ReadOnlySpan<string> parts) => System.IO.Path.Combine([Path, .. parts]);

    /// <summary>Bytes of all networks with their external weights: about what they take in memory.</summary>
    internal long WeightBytes => new DirectoryInfo(Path)
        .EnumerateFiles("*", SearchOption.AllDirectories)
        .Where(file => file.Extension != ".json" && file.Directory!.Name is not ("tokenizer" or "tokenizer_2"))
        .Sum(file => file.Length);

    private void RequireFiles(IEnumerable<string> needed)
    {
        var missing = needed.Where(file => !File.Exists(Combine(file))).ToList();
        if (missing.Count > 0)
        {
            throw new ModelException(string.Create(
                CultureInfo.InvariantCulture, $"{Path} lacks {string.Join(", ", missing)}. {WhereModelsAre}"));
        }
    }
}
