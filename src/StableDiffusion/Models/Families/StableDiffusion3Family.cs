namespace StableDiffusion;

/// <summary>
/// Stable Diffusion 3 and 3.5: Esser et al. (2024), arXiv 2403.03206. Two CLIP text encoders and, where the folder has it, T5; a
/// transformer in which text and picture attend to each other; flow matching.
/// </summary>
internal sealed class StableDiffusion3Family : TransformerFamily
{
    private static readonly string[] _can =
    [
        nameof(ImageRequest.Prompt), nameof(ImageRequest.NegativePrompt), nameof(ImageRequest.GuidanceScale), nameof(ImageRequest.Prompt2),
        nameof(ImageRequest.NegativePrompt2), nameof(ImageRequest.Prompt3), nameof(ImageRequest.NegativePrompt3),
        nameof(ImageRequest.MaxSequenceLength), nameof(ImageRequest.ClipSkip), nameof(ImageRequest.InitImage),
        nameof(ImageRequest.Mask), nameof(ImageRequest.Loras),
    ];

    private static readonly string[] _ofT5 = [nameof(ImageRequest.Prompt3), nameof(ImageRequest.NegativePrompt3)];

    public override string Name => "Stable Diffusion 3";

    public override IReadOnlyList<string> PipelineNames => ["StableDiffusion3"];

    public override IReadOnlyList<IReadOnlyList<string>> ConditionerTurns(ModelFolder folder) =>
        HasT5(folder) ? [["text_encoder", "text_encoder_2"], ["text_encoder_3"]] : [["text_encoder", "text_encoder_2"]];

    public override IEnumerable<string> NeededFiles(ModelFolder folder) =>
    [
        "scheduler/scheduler_config.json", "text_encoder/model.onnx", "tokenizer/merges.txt", "tokenizer/vocab.json",
        "text_encoder_2/model.onnx", "tokenizer_2/merges.txt", "tokenizer_2/vocab.json", "transformer/model.onnx", "vae_decoder/model.onnx",
        .. NamesT5(folder) ? (string[])["text_encoder_3/model.onnx"] : [],
    ];

    public override (int Height, int Width) SampleSize(JsonFile config) => config.Pair("sample_size") ?? (128, 128);

    /// <summary>Those of StableDiffusion3Pipeline, its Img2Img and its Inpaint.</summary>
    public override GenerationDefaults Defaults(ModelFolder folder) => new(28, 7, 0.6) { StepsFromPicture = 50, InpaintingStrength = 0.6 };

    /// <summary>That of stabilityai/stable-diffusion-3-medium-diffusers.</summary>
    public override string? UsualScheduler => """{"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0}""";

    public override bool CanUse(SchedulerEntry scheduler) => scheduler.Name == "flow";

    public override double? TimeShift(SchedulerConfig scheduler, int latentHeight, int latentWidth) => ShiftOf(scheduler, latentHeight, latentWidth);

    public override void Check(ImageRequest request, ModelFolder folder)
    {
        RequestLimits.Refuse(request, folder, HasT5(folder) ? _can : [.. _can.Except(_ofT5)]);
        StableDiffusion3Conditioner.TextLength(request, StableDiffusion3Conditioner.Exported(folder));
    }

    public override IConditioner OpenConditioner(ModelFolder folder, NetworkLoader loader) =>
        new StableDiffusion3Conditioner(folder, loader, HasT5(folder));

    public override IDenoisingNetwork OpenNetwork(ModelFolder folder, NetworkLoader loader) => new TransformerNetwork(folder, loader);

    /// <summary>Published without T5, too, which is most of the memory.</summary>
    private static bool HasT5(ModelFolder folder) => File.Exists(folder.NetworkOf("text_encoder_3"));

    /// <summary>Whether <c>model_index.json</c> says that T5 belongs to the model; <c>[null, null]</c> says that it does not.</summary>
    private static bool NamesT5(ModelFolder folder) => JsonFile.ReadIfExists(folder.Combine("model_index.json")).BeginsWithText("text_encoder_3");
}
