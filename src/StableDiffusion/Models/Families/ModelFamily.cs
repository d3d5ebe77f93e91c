using System.Text.RegularExpressions;

namespace StableDiffusion;

/// <summary>
/// Models of one architecture: which conditioner, denoising network and latent codec belong together, which files they need, and what
/// of a request they can do. Chosen by the class that <c>model_index.json</c> names.
/// </summary>
internal abstract partial class ModelFamily
{
    /// <summary>Latents along one side; the largest models were trained at 128.</summary>
    protected const int MostSampleSize = 8192;

    /// <summary>Channels of latents, with whatever is fed beside them.</summary>
    public const int MostChannels = 1024;

    private static readonly ModelFamily[] _families =
    [
        new StableDiffusionFamily(),
        new StableDiffusionXLFamily(),
        new LatentConsistencyFamily(),
        new InpaintingFamily(),
        new StableDiffusion3Family(),
        new FluxFamily(),
        new DitFamily(),
        new LatentDiffusionFamily(),
        new UnconditionalFamily(),
    ];

    /// <summary>What people call it, such as <c>Stable Diffusion XL</c>.</summary>
    public abstract string Name { get; }

    /// <summary>
    /// The pipeline classes of diffusers that it answers to, without what <see cref="BaseName"/> takes off: <c>StableDiffusionXL</c>
    /// stands for <c>StableDiffusionXLImg2ImgPipeline</c> and <c>ORTStableDiffusionXLPipeline</c>, too.
    /// </summary>
    public abstract IReadOnlyList<string> PipelineNames { get; }

    /// <summary>The folder of the denoising network.</summary>
    public virtual string NetworkPart => "unet";

    /// <summary>
    /// The folders of the networks that the conditioner opens. Where only one network at a time is to be open, those of each group are open
    /// together, and closed before the next.
    /// </summary>
    public abstract IReadOnlyList<IReadOnlyList<string>> ConditionerTurns(ModelFolder folder);

    /// <summary>The same without groups.</summary>
    public IReadOnlyList<string> ConditionerParts(ModelFolder folder) => [.. ConditionerTurns(folder).SelectMany(parts => parts)];

    /// <summary>The folders of the networks that the codec opens.</summary>
    public virtual IReadOnlyList<string> CodecParts => ["vae_encoder", "vae_decoder"];

    /// <summary>Files without which nothing can be painted, relative to the model's folder.</summary>
    public abstract IEnumerable<string> NeededFiles(ModelFolder folder);

    /// <summary>The family itself, or a kinsman that fits the folder better: inpainting models are told by their channels.</summary>
    public virtual ModelFamily For(ModelFolder folder) => this;

    /// <summary>Reads what the denoising network's graph insists on.</summary>
    /// <param name="graph">The network's graph.</param>
    /// <param name="config">Its <c>config.json</c>.</param>
    public virtual NetworkSignature ReadNetwork(OnnxGraph graph, JsonFile config) =>
        NetworkSignature.Read(graph, "sample", config.Integer("in_channels", MostChannels) ?? 4);

    /// <summary>Height and width of the latents the network was trained on.</summary>
    public virtual (int Height, int Width) SampleSize(JsonFile config) => config.Pair("sample_size", MostSampleSize) ?? (64, 64);

    /// <summary>Latent heights and widths must be multiples of this, so that every level of the network halves evenly.</summary>
    public virtual int LatentGrid(JsonFile config) =>
        (1 << (config.Integers("block_out_channels")?.Count - 1 ?? 3)) * (config.Integer("patch_size", 64) ?? 1);

    /// <summary>Steps, guidance scale and strength where request and <c>generation_config.json</c> leave them open.</summary>
    public abstract GenerationDefaults Defaults(ModelFolder folder);

    /// <summary>The <c>scheduler_config.json</c> that its first models were published with, for a folder without one; null where there is no usual one.</summary>
    public virtual string? UsualScheduler => null;

    /// <summary>The scheduler's configuration as the family's pipeline in diffusers takes it when a model is loaded.</summary>
    /// <param name="scheduler">As its file says.</param>
    /// <param name="hasMask">Whether it is the pipeline for inpainting.</param>
    public virtual SchedulerConfig AsPipelineLoads(SchedulerConfig scheduler, bool hasMask) => scheduler;

    /// <summary>Whether a negative prompt that is not given is encoded as zeros where <c>model_index.json</c> does not say.</summary>
    public virtual bool ForcesZerosForEmptyPrompt => false;

    /// <summary>Whether mean and deviation of the latents, where the autoencoder's configuration has them, are taken off and put back.</summary>
    public virtual bool NormalizesLatents => false;

    /// <summary>
    /// Whether guidance is off where no negative prompt is given, as in FluxPipeline: its <c>true_cfg_scale</c> plays a part beside <c>negative_prompt</c> only.
    /// </summary>
    public virtual bool GuidesByNegativePromptOnly => false;

    /// <summary>Whether the family can be sampled with this scheduler.</summary>
    public virtual bool CanUse(SchedulerEntry scheduler) => scheduler.Name != "flow";

    /// <summary>The shift of the time steps by picture size (<see cref="SchedulerRun.Mu"/>); null for all but some flow models.</summary>
    public virtual double? TimeShift(SchedulerConfig scheduler, int latentHeight, int latentWidth) => null;

    /// <summary>Whether noise levels run evenly from 1 to 1/steps before they are shifted (<see cref="SchedulerRun.EvenLevels"/>).</summary>
    public virtual bool HasEvenLevels => false;

    /// <summary>Whether all steps are taken within the strength (<see cref="SchedulerRun.StepsWithinStrength"/>).</summary>
    public virtual bool HasStepsWithinStrength => false;

    /// <summary>Refuses what a request asks for and the family cannot do.</summary>
    /// <exception cref="RequestException">The message says what, and what to do instead.</exception>
    /// <exception cref="ModelException">The parts of the folder are not of one model.</exception>
    public abstract void Check(ImageRequest request, ModelFolder folder);

    /// <summary>Opens what turns texts into what the network is told.</summary>
    public abstract IConditioner OpenConditioner(ModelFolder folder, NetworkLoader loader);

    /// <summary>Opens the denoising network.</summary>
    public virtual IDenoisingNetwork OpenNetwork(ModelFolder folder, NetworkLoader loader) => new UNetNetwork(folder, loader);

    /// <summary>Gives what turns pictures into latents and back; it opens its networks itself.</summary>
    public virtual ILatentCodec OpenCodec(ModelFolder folder, NetworkLoader loader) => new VaeCodec(folder, loader);

    /// <summary>The family of a model folder.</summary>
    /// <param name="pipelineClass">The class in <c>model_index.json</c>; null where it names none: then the folders decide.</param>
    /// <param name="folder">The folder, for messages and for what lies in it.</param>
    /// <exception cref="ModelException">The class is of no family here.</exception>
    public static ModelFamily Of(string? pipelineClass, ModelFolder folder)
    {
        var name = BaseName(pipelineClass ?? "");
        if (name.Length == 0)
        {
            name = Directory.Exists(folder.Combine("text_encoder_2")) ? "StableDiffusionXL" : "StableDiffusion";
        }

        return Array.Find(_families, family => family.PipelineNames.Contains(name))
            ?? throw new ModelException(
                $"{folder.Path} is a {pipelineClass}, which is not supported; "
                + $"there are {string.Join(", ", _families.Select(family => family.Name))}.");
    }

    /// <summary>
    /// A pipeline class without what makes no other model of it: who loads it (<c>ORT</c>, <c>Onnx</c>), what is done with it
    /// (<c>Img2Img</c>, <c>ControlNet</c>), and <c>Pipeline</c>; <c>Inpaint</c> stays. Empty for classes that stand for any model.
    /// </summary>
    internal static string BaseName(string pipelineClass) => PipelineName().Replace(pipelineClass, "$2$3");

    [GeneratedRegex("^(ORT|Onnx)?(?:Diffusion(?=Pipeline)|(.*?))(?:ControlNet)?(?:Img2Img|(Inpaint))?Pipeline(?:Legacy)?$")]
    private static partial Regex PipelineName();
}
