namespace StableDiffusion;

/// <summary>Stable Diffusion 1 and 2: Rombach et al. (2022), arXiv 2112.10752. One CLIP text encoder, a UNet, a variational autoencoder.</summary>
internal class StableDiffusionFamily : ModelFamily
{
    private static readonly string[] _can =
    [
        nameof(ImageRequest.Prompt), nameof(ImageRequest.NegativePrompt), nameof(ImageRequest.GuidanceScale), nameof(ImageRequest.Prompt2),
        nameof(ImageRequest.NegativePrompt2), nameof(ImageRequest.ClipSkip), nameof(ImageRequest.InitImage), nameof(ImageRequest.Mask),
        nameof(ImageRequest.OriginalSize), nameof(ImageRequest.TargetSize), nameof(ImageRequest.Crop), nameof(ImageRequest.Loras), nameof(ImageRequest.Controls),
        nameof(ImageRequest.Embeddings), nameof(ImageRequest.EmbeddingFolder), nameof(ImageRequest.Seamless), nameof(ImageRequest.DeepCache),
    ];

    public override string Name => "Stable Diffusion 1 and 2";

    public override IReadOnlyList<string> PipelineNames => ["StableDiffusion"];

    public override IReadOnlyList<IReadOnlyList<string>> ConditionerTurns(ModelFolder folder) => [["text_encoder"]];

    public override IEnumerable<string> NeededFiles(ModelFolder folder) =>
    [
        "scheduler/scheduler_config.json",
        "text_encoder/model.onnx",
        "tokenizer/merges.txt",
        "tokenizer/vocab.json",
        "unet/model.onnx",
        "vae_decoder/model.onnx",
    ];

    public override ModelFamily For(ModelFolder folder) =>
        folder.Network.InputChannels != folder.LatentChannels ? new InpaintingFamily() : this;

    public override GenerationDefaults Defaults(ModelFolder folder) => Distilled(folder) ?? new GenerationDefaults(50, 7.5, 0.8);

    /// <summary>UNets that diffusers saved before 0.9 may say 32 and mean 64: StableDiffusionPipeline, its Img2Img and its Inpaint read them so.</summary>
    public override (int Height, int Width) SampleSize(JsonFile config)
    {
        var said = base.SampleSize(config);
        var isOld = Version.TryParse(config.Text("_diffusers_version")?.Split("dev")[0].TrimEnd('.'), out var version) && version < new Version(0, 9, 0);
        return isOld && said is { Height: < 64, Width: < 64 } ? (64, 64) : said;
    }

    /// <summary>That of runwayml/stable-diffusion-v1-5.</summary>
    public override string? UsualScheduler => """
        {"_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "skip_prk_steps": true, "set_alpha_to_one": false, "steps_offset": 1}
        """;

    /// <summary>StableDiffusionPipeline and its Img2Img mend two values of old files when they load a model, StableDiffusionInpaintPipeline two as well.</summary>
    public override SchedulerConfig AsPipelineLoads(SchedulerConfig scheduler, bool hasMask) =>
        hasMask
            ? scheduler.Mended("steps_offset", 1).Mended("skip_prk_steps", true)
            : scheduler.Mended("steps_offset", 1).Mended("clip_sample", false);

    public override void Check(ImageRequest request, ModelFolder folder)
    {
        RequestLimits.Refuse(request, folder, _can);
        var (channels, latentChannels) = (folder.Network.InputChannels, folder.LatentChannels);
        if (channels != latentChannels && channels != (2 * latentChannels) + 1)
        {
            throw new ModelException(
                $"{folder.Path}: the unet takes {channels} channels and the vae_decoder {latentChannels} (latent_channels in its config.json); they are not of one model.");
        }

        if (channels != latentChannels && request.Mask is null)
        {
            throw new RequestException(
                nameof(request.Mask),
                $"{folder.Name} is an inpainting model; give it a picture with {nameof(request.InitImage):name} and a mask with {nameof(request.Mask):name}.");
        }

        if (!folder.HasSecondTextEncoder && (request.Prompt2 ?? request.NegativePrompt2) is not null)
        {
            var asked = request.Prompt2 is null ? nameof(request.NegativePrompt2) : nameof(request.Prompt2);
            throw new RequestException(
                asked, $"{asked:name} is for models with two text encoders; {folder.Name} has one.");
        }

        if (!folder.Network.Wants("time_ids") && ((request.OriginalSize ?? request.TargetSize) is not null || request.Crop != (0, 0)))
        {
            throw new RequestException(
                nameof(request.OriginalSize),
                $"{nameof(request.OriginalSize):name}, {nameof(request.Crop):name} and {nameof(request.TargetSize):name} are for SDXL; {folder.Name} is none.");
        }
    }

    public override IConditioner OpenConditioner(ModelFolder folder, NetworkLoader loader) => new ClipConditioner(folder, loader);

    /// <summary>What models are given that were distilled to a few steps; null for all others.</summary>
    protected static GenerationDefaults? Distilled(ModelFolder folder) =>
        folder.TimeConditioningWidth is not null ? new(4, 8.5, 0.8)
        : folder.Scheduler.ClassName is "LCMScheduler" or "TCDScheduler" ? new(4, 1, 0.8)
        : IsTurbo(folder.Scheduler) ? new(4, 0, 0.5)
        : null;

    /// <summary>Adversarially distilled models (SD Turbo, SDXL Turbo) are published with an Euler scheduler and trailing time steps.</summary>
    private static bool IsTurbo(SchedulerConfig scheduler) =>
        scheduler.ClassName is "EulerDiscreteScheduler" or "EulerAncestralDiscreteScheduler"
        && scheduler.Text("timestep_spacing") == "trailing" && !scheduler.Flag("rescale_betas_zero_snr");
}
