namespace StableDiffusion;

/// <summary>DiT: Peebles &amp; Xie (2022), arXiv 2212.09748. A transformer that is told one of the classes of ImageNet; the prompt names it.</summary>
internal sealed class DitFamily : TransformerFamily
{
    private static readonly string[] _can = [nameof(ImageRequest.Prompt), nameof(ImageRequest.GuidanceScale), nameof(ImageRequest.InitImage)];

    public override string Name => "DiT";

    public override IReadOnlyList<string> PipelineNames => ["DiT"];

    public override IReadOnlyList<IReadOnlyList<string>> ConditionerTurns(ModelFolder folder) => [];

    public override IEnumerable<string> NeededFiles(ModelFolder folder) =>
        ["scheduler/scheduler_config.json", "transformer/model.onnx", "vae_decoder/model.onnx"];

    /// <summary>The places of the patches are learnt for one size.</summary>
    public override NetworkSignature ReadNetwork(OnnxGraph graph, JsonFile config)
    {
        var (height, width) = SampleSize(config);
        return base.ReadNetwork(graph, config) with { Height = height, Width = width };
    }

    public override (int Height, int Width) SampleSize(JsonFile config) => config.Pair("sample_size") ?? (32, 32);

    public override GenerationDefaults Defaults(ModelFolder folder) => new(50, 4, 0.8);

    public override void Check(ImageRequest request, ModelFolder folder)
    {
        RequestLimits.Refuse(request, folder, _can);
        ClassLabels.Read(folder).Find(request.Prompt);
    }

    public override IConditioner OpenConditioner(ModelFolder folder, NetworkLoader loader) => new ClassConditioner(ClassLabels.Read(folder));

    public override IDenoisingNetwork OpenNetwork(ModelFolder folder, NetworkLoader loader) => new TransformerNetwork(folder, loader);
}
