using System.Text.Json.Nodes;

namespace StableDiffusion;

/// <summary>
/// What to paint. What is left null is taken from the model. Whether the values make sense for a model is checked, before anything
/// runs, when the request is handed to a pipeline.
/// </summary>
public sealed record ImageRequest
{
    /// <summary>What the picture should show. Empty, with a guidance scale of 1, for unconditional generation.</summary>
    public required string Prompt { get; init; }

    /// <summary>What it should not show. Null and empty are the same but for SDXL, which encodes null as zeros, and for Flux, which is guided away from an empty text but from none with null.</summary>
    public string? NegativePrompt { get; init; }

    /// <summary>SDXL, SD 3, Flux: the text for the second encoder; null or empty for the same text.</summary>
    public string? Prompt2 { get; init; }

    /// <summary>SDXL, SD 3, Flux: the negative text for the second encoder; null or empty for the same text.</summary>
    public string? NegativePrompt2 { get; init; }

    /// <summary>SD 3: the text for the third encoder, T5; null or empty for <see cref="Prompt"/>.</summary>
    public string? Prompt3 { get; init; }

    /// <summary>SD 3: the negative text for the third encoder; null or empty for <see cref="NegativePrompt"/>.</summary>
    public string? NegativePrompt3 { get; init; }

    /// <summary>SD 3, Flux: tokens that T5 is given, 1 to 512; null for what the model was exported for, else 256 (SD 3) or 512 (Flux).</summary>
    public int? MaxSequenceLength { get; init; }

    /// <summary>Flux dev: the guidance scale that the network is told (diffusers: <c>guidance_scale</c> of FluxPipeline); null for 3.5, with <see cref="InitImage"/> 7.</summary>
    public double? DistilledGuidance { get; init; }

    /// <summary>The seeds: one run each, of <see cref="ImagesPerSeed"/> pictures.</summary>
    public IReadOnlyList<long> Seeds { get; init; } = [0];

    /// <summary>Pictures of one seed, all drawn from one generator in one batch (diffusers: <c>num_images_per_prompt</c>).</summary>
    public int ImagesPerSeed { get; init; } = 1;

    /// <summary>Denoising steps.</summary>
    public int? Steps { get; init; }

    /// <summary>Classifier-free guidance scale; with 1 or less the negative prompt plays no part and the network runs once a step.</summary>
    public double? GuidanceScale { get; init; }

    /// <summary>Share, 0 to 1, by which the guided prediction's deviation is brought back (diffusers: <c>guidance_rescale</c>).</summary>
    public double GuidanceRescale { get; init; }

    /// <summary>Share of the run, 0 to 1, from which on guidance is on.</summary>
    public double GuidanceStart { get; init; }

    /// <summary>Share of the run up to which guidance is on.</summary>
    public double GuidanceEnd { get; init; } = 1;

    /// <summary>
    /// Steps from one call of the network without the prompt to the next: 1 for one at each step. In between the last difference between the
    /// predictions with and without guides on: up to half of the time, another picture.
    /// </summary>
    public int GuidanceEvery { get; init; } = 1;

    /// <summary>How often the whole of a U-Net runs; null for at each step.</summary>
    public DeepCache? DeepCache { get; init; }

    /// <summary>Width in pixels.</summary>
    public int? Width { get; init; }

    /// <summary>Height in pixels.</summary>
    public int? Height { get; init; }

    /// <summary>One of <see cref="ModelFolder.SchedulerNames"/>, or a name that diffusers or webuis have for it; null for the model's own scheduler.</summary>
    public string? Scheduler { get; init; }

    /// <summary>A scheduler of the caller's own, built for each run; null for one that <see cref="Scheduler"/> names.</summary>
    public Func<SchedulerRun, IScheduler>? SchedulerFactory { get; init; }

    /// <summary>Told what will not stop this request but may surprise, such as words that had to be cut; null for <see cref="PipelineOptions.Warning"/>.</summary>
    public Action<string>? Warning { get; init; }

    /// <summary>Entries laid over the model's <c>scheduler_config.json</c>, by key, as diffusers' <c>from_config</c> does.</summary>
    public IReadOnlyDictionary<string, JsonNode?> SchedulerConfig { get; init; } = new Dictionary<string, JsonNode?>();

    /// <summary>DDIM's η, 0 (no noise between steps) to 1 (as much as DDPM), or TCD's γ; null for 0, as diffusers' pipelines have it.</summary>
    public double? Eta { get; init; }

    /// <summary>Layers of the text encoder to stop before the end, as webuis count: 1 for none left out, 2 for one.</summary>
    public int ClipSkip { get; init; } = 1;

    /// <summary>How brackets and over-long prompts are read.</summary>
    public LongPrompt LongPrompt { get; init; }

    /// <summary>Which generator the seed is for.</summary>
    public RandomGenerator Generator { get; init; }

    /// <summary>A noise source of the caller's own for each seed; null for that of <see cref="Generator"/>.</summary>
    public Func<long, INoiseSource>? NoiseFactory { get; init; }

    /// <summary>A second pass at a larger size; null for none.</summary>
    public Hires? Hires { get; init; }

    /// <summary>How much to enlarge the finished picture; null for what <see cref="Upscaler"/> does, or to leave it.</summary>
    public double? Upscale { get; init; }

    /// <summary>What enlarges the finished picture: <c>lanczos</c>, <c>model</c> for the network that the model brings (<c>upscaler/model.onnx</c> in its folder), or the path of one; null for <c>lanczos</c> if anything.</summary>
    public string? Upscaler { get; init; }

    internal string? UpscalerInUse => Upscaler ?? (Upscale is null ? null : Enlarger.Lanczos);

    /// <summary>Whether this is a <see cref="Hires"/> pass over latents that are known.</summary>
    internal bool IsSecondPass { get; init; }

    /// <summary>A second seed, whose start noise is mixed in by <see cref="VariationStrength"/>; further pictures of a request count it up.</summary>
    public long? VariationSeed { get; init; }

    /// <summary>From 0, the noise of the seed alone, to 1, that of <see cref="VariationSeed"/>: pictures close to that of the seed.</summary>
    public double VariationStrength { get; init; }

    /// <summary>Start noise of unit variance, given instead of drawn; one picture for each.</summary>
    public Latents? Latents { get; init; }

    /// <summary>Pictures of one seed: as many as <see cref="Latents"/> holds, or else <see cref="ImagesPerSeed"/>.</summary>
    public int PicturesPerSeed => Latents?.Count ?? ImagesPerSeed;

    /// <summary>A picture to start from.</summary>
    public RgbImage? InitImage { get; init; }

    /// <summary>How far to go from <see cref="InitImage"/>: 0 leaves it, 1 forgets it.</summary>
    public double? Strength { get; init; }

    /// <summary>White where <see cref="InitImage"/> is to be painted anew, black where it is kept.</summary>
    public RgbImage? Mask { get; init; }

    /// <summary>How <see cref="InitImage"/> and <see cref="Mask"/> are brought to the picture's size.</summary>
    public ImageFit Fit { get; init; }

    /// <summary>SDXL: the (width, height) the model is to believe the training picture had; null for the picture's own.</summary>
    public (int Width, int Height)? OriginalSize { get; init; }

    /// <summary>SDXL: the (top, left) the model is to believe the training picture was cropped at.</summary>
    public (int Top, int Left) Crop { get; init; }

    /// <summary>SDXL: the (width, height) the model is to aim at; null for the picture's own.</summary>
    public (int Width, int Height)? TargetSize { get; init; }

    /// <summary>LoRAs to add to the weights; several add up. Tags in the prompt (<c>&lt;lora:…&gt;</c>) are text here.</summary>
    public IReadOnlyList<Lora> Loras { get; init; } = [];

    /// <summary>Learnt words that the prompts may use.</summary>
    public IReadOnlyList<TextualInversion> Embeddings { get; init; } = [];

    /// <summary>Pictures that guide the composition, each through a control network; their guidance adds up.</summary>
    public IReadOnlyList<Control> Controls { get; init; } = [];

    /// <summary>Whether control networks see the prompt alone, not the negative prompt, and count less where they are shallow (diffusers: <c>guess_mode</c>).</summary>
    public bool GuessMode { get; init; }

    /// <summary>How pictures are encoded and decoded in tiles; null to do so only where the whole would not fit into the memory.</summary>
    public VaeTiling? Tiling { get; init; }

    /// <summary>Whether the picture is to continue at its opposite edge, so that copies of it lie side by side without a seam (the webui's tiling): networks, control networks and upscalers
    /// see the opposite edge beside each.</summary>
    public bool Seamless { get; init; }

    internal VaeTiling? TilingInUse => Seamless ? VaeTiling.Never : Tiling;

    /// <summary>A folder of further learnt words.</summary>
    public string? EmbeddingFolder { get; init; }

    /// <summary>Whether <see cref="GenerationProgress.Step"/> is filled: it costs a copy of the latents a call.</summary>
    public bool ReportsSteps { get; init; }

    /// <summary>What is changed in the networks' graphs; networks are opened again only where this differs from the request before.</summary>
    internal IReadOnlyList<IGraphEdit> Edits { get; init; } = [];

    /// <summary>What whoever read the request's files found worth knowing; told with the other warnings.</summary>
    internal List<string> Notes { get; init; } = [];
}
