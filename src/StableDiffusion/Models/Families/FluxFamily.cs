namespace StableDiffusion;

/// <summary>
/// Flux dev and schnell, Black Forest Labs (2024): CLIP's pooled state and T5, a transformer over latents packed two by two, flow
/// matching; dev is told its guidance scale (distilled guidance) instead of being run twice.
/// </summary>
internal sealed class FluxFamily : TransformerFamily
{
    private static readonly string[] _can =
    [
        nameof(ImageRequest.Prompt), nameof(ImageRequest.NegativePrompt), nameof(ImageRequest.GuidanceScale), nameof(ImageRequest.Prompt2),
        nameof(ImageRequest.NegativePrompt2), nameof(ImageRequest.MaxSequenceLength), nameof(ImageRequest.InitImage),
        nameof(ImageRequest.Mask), nameof(ImageRequest.Loras),
    ];

    public override string Name => "Flux";

    public override IReadOnlyList<string> PipelineNames => ["Flux"];

    public override bool HasEvenLevels => true;

    public override bool GuidesByNegativePromptOnly => true;

    public override IReadOnlyList<IReadOnlyList<string>> ConditionerTurns(ModelFolder folder) => [["text_encoder"], ["text_encoder_2"]];

    public override IEnumerable<string> NeededFiles(ModelFolder folder) =>
    [
        "scheduler/scheduler_config.json", "text_encoder/model.onnx", "tokenizer/merges.txt", "tokenizer/vocab.json",
        "text_encoder_2/model.onnx", "transformer/model.onnx", "vae_decoder/model.onnx",
    ];

    /// <summary>Channels and sizes of the packed latents are none of the picture's.</summary>
    public override NetworkSignature ReadNetwork(OnnxGraph graph, JsonFile config) =>
        base.ReadNetwork(graph, config) with { InputChannels = (config.Integer("in_channels") ?? 64) / 4, Height = null, Width = null };

    public override (int Height, int Width) SampleSize(JsonFile config) => (128, 128);

    public override int LatentGrid(JsonFile config) => 2;

    /// <summary>Schnell, which has no guidance input, is distilled to four steps.</summary>
    public override GenerationDefaults Defaults(ModelFolder folder) => new(folder.Network.Wants("guidance") ? 28 : 4, 1, 0.6) { InpaintingStrength = 0.6 };

    public override bool CanUse(SchedulerEntry scheduler) => scheduler.Name == "flow";

    public override double? TimeShift(SchedulerConfig scheduler, int latentHeight, int latentWidth) => ShiftOf(scheduler, latentHeight, latentWidth);

    public override void Check(ImageRequest request, ModelFolder folder)
    {
        RequestLimits.Refuse(request, folder, folder.Network.Wants("guidance") ? [.. _can, nameof(request.DistilledGuidance)] : _can);
        FluxConditioner.TextLength(request, folder.Network.Tokens);
        RequestCheck.Finite(nameof(request.DistilledGuidance), request.DistilledGuidance ?? 0);
    }

    public override IConditioner OpenConditioner(ModelFolder folder, NetworkLoader loader) => new FluxConditioner(folder, loader);

    public override IDenoisingNetwork OpenNetwork(ModelFolder folder, NetworkLoader loader) => new PackedTransformerNetwork(folder, loader);
}
