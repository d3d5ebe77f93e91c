using System.Globalization;
using System.Numerics.Tensors;
using System.Text.Json.Nodes;

namespace StableDiffusion;

/// <summary>A request with every open value filled from the model, and known to make sense for it.</summary>
internal sealed partial class GenerationPlan
{
    private readonly ModelFolder _folder;

    private GenerationPlan(ImageRequest request, ModelFolder folder)
    {
        _folder = folder;
        Request = request;
        Steps = Positive("--steps", request.Steps ?? folder.Defaults.Steps);
        ImageCount = request.Latents?.Count ?? Positive("--num-images", request.ImagesPerSeed);
        Positive("--clip-skip", request.ClipSkip);
        Scale = Finite("--cfg-scale", request.GuidanceScale ?? folder.Defaults.GuidanceScale);
        if (folder.Network.Wants("timestep_cond"))
        {
            var width = folder.TimeConditioningWidth
                ?? throw new ModelException($"{folder.Path}/{folder.Family.NetworkPart} wants timestep_cond, but its config.json has no time_cond_proj_dim.");
            GuidanceEmbedding = StableDiffusion.GuidanceEmbedding.Create(Scale, width);
        }

        Guidance = new Guidance(
            GuidanceEmbedding is null ? Scale : 1,
            Share("--guidance-rescale", request.GuidanceRescale),
            Share("--guidance-start", request.GuidanceStart),
            Share("--guidance-end", request.GuidanceEnd));
        Strength = request.InitImage is null ? 1 : Share("--strength", request.Strength ?? folder.Defaults.Strength);
        if (Strength == 0)
        {
            throw new RequestException("--strength 0 leaves the picture as it is; give more than 0, up to 1.");
        }

        if (request.Eta is { } eta)
        {
            Share("--eta", eta);
        }

        (Width, Height) = Size();
        RequireRoom();
        RequireWhatBelongsTogether();
        SchedulerConfig = request.SchedulerConfig.Aggregate(folder.Scheduler, (config, entry) => config.With(entry.Key, entry.Value));

        (Entry, Chosen) = SchedulerTable.Choose(SchedulerConfig, request.Scheduler);
        if (!folder.Family.CanUse(Entry))
        {
            var others = SchedulerTable.Entries.Where(folder.Family.CanUse).Select(entry => entry.Name);
            throw new RequestException($"{Entry.Name} is not for {folder.Family.Name}; choose one of {string.Join(", ", others)}.");
        }

        // Built once here so that what cannot work is refused before anything runs.
        var scheduler = CreateScheduler(ImageCount);
        Calls = scheduler.Timesteps.Count;
        HasWholeTimesteps = scheduler.Timesteps.All(float.IsInteger);
    }

    public ImageRequest Request { get; }

    public ModelFolder Folder => _folder;

    /// <summary>What the request changes in the networks' graphs.</summary>
    public IReadOnlyList<IGraphEdit> Edits => Request.Edits;

    public int Steps { get; }

    /// <summary>How often a run calls the UNet (once or twice a step, fewer with a strength below 1).</summary>
    public int Calls { get; }

    public bool HasWholeTimesteps { get; }

    public int ImageCount { get; }

    public int Width { get; }

    public int Height { get; }

    public int LatentWidth => Width / _folder.PixelsPerLatent;

    public int LatentHeight => Height / _folder.PixelsPerLatent;

    public double Strength { get; }

    /// <summary>The guidance scale as asked for.</summary>
    public double Scale { get; }

    /// <summary>Latent consistency models are told the scale as an input; all others are run twice, see <see cref="Guidance"/>.</summary>
    public float[]? GuidanceEmbedding { get; }

    public Guidance Guidance { get; }

    public SchedulerConfig SchedulerConfig { get; }

    private SchedulerEntry Entry { get; }

    /// <summary>The configuration as the scheduler asked for reads it.</summary>
    private SchedulerConfig Chosen { get; }

    /// <summary>SDXL: original height and width, crop top and left, target height and width.</summary>
    public float[] TimeIds
    {
        get
        {
            var (originalWidth, originalHeight) = Request.OriginalSize ?? (Width, Height);
            var (targetWidth, targetHeight) = Request.TargetSize ?? (Width, Height);
            return [originalHeight, originalWidth, Request.Crop.Top, Request.Crop.Left, targetHeight, targetWidth];
        }
    }

    public static GenerationPlan Of(ImageRequest request, ModelFolder folder) => new(request, folder);

    /// <summary>What the network was trained to say.</summary>
    public PredictionType Predicts => Chosen.Has("prediction_type")
        ? Prediction.Of(Chosen, PredictionType.Epsilon, PredictionType.Sample, PredictionType.V, PredictionType.Flow)
        : PredictionType.Flow;

    /// <summary>Latents of this plan's size for all its images, with nothing in them.</summary>
    public Latents EmptyLatents() => new(
        new float[ImageCount * _folder.LatentChannels * LatentHeight * LatentWidth], ImageCount, _folder.LatentChannels, LatentHeight, LatentWidth);

    /// <summary>A scheduler for one run of <paramref name="images"/> images: ready for its first step.</summary>
    public IScheduler CreateScheduler(int images) => SchedulerTable.Create(
        SchedulerConfig,
        Request.Scheduler,
        new SchedulerRun
        {
            Steps = Steps,
            Strength = Strength,
            Images = images,
            Eta = Eta,
            Mu = _folder.Family.TimeShift(Chosen, LatentHeight, LatentWidth),
        });

    /// <summary>diffusers' pipelines hand every scheduler that takes η a 0 unless told otherwise, whatever its own default.</summary>
    private double? Eta => Request.Eta ?? (Entry.HasEta ? 0 : null);

    /// <summary>
    /// Whether a picture of this plan and one of another can be painted in the same calls of the UNet: from noise alone, one picture each,
    /// with nothing different but texts, seed and generator.
    /// </summary>
    public bool SharesCallsWith(GenerationPlan other) =>
        IsPlain && other.IsPlain
        && (Width, Height, Steps, Guidance) == (other.Width, other.Height, other.Steps, other.Guidance)
        && (Request.Scheduler, Request.Eta) == (other.Request.Scheduler, other.Request.Eta)
        && TimeIds.AsSpan().SequenceEqual(other.TimeIds)
        && GuidanceEmbedding.AsSpan().SequenceEqual(other.GuidanceEmbedding)
        && Request.Loras.SequenceEqual(other.Request.Loras)
        && Request.Embeddings.SequenceEqual(other.Request.Embeddings) && Request.EmbeddingFolder == other.Request.EmbeddingFolder
        && Edits.Select(edit => edit.Key).SequenceEqual(other.Edits.Select(edit => edit.Key))
        && Request.SchedulerConfig.Count == other.Request.SchedulerConfig.Count
        && Request.SchedulerConfig.All(entry =>
            other.Request.SchedulerConfig.TryGetValue(entry.Key, out var value) && JsonNode.DeepEquals(entry.Value, value));

    private bool IsPlain => ImageCount == 1 && Request.Seeds.Count == 1 && Request.InitImage is null && Request.Latents is null;

    private (int Width, int Height) Size()
    {
        var (width, height) = (_folder.DefaultWidth, _folder.DefaultHeight);
        if (Request.Latents is { } latents)
        {
            (width, height) = (latents.Width * _folder.PixelsPerLatent, latents.Height * _folder.PixelsPerLatent);
            RequireSame("-W", Request.Width, width);
            RequireSame("-H", Request.Height, height);
        }
        else if (_folder.Network is { Width: { } fixedWidth, Height: { } fixedHeight })
        {
            (width, height) = (fixedWidth * _folder.PixelsPerLatent, fixedHeight * _folder.PixelsPerLatent);
        }
        else if (Request.InitImage is { } image)
        {
            (width, height) = (OnGrid(image.Width), OnGrid(image.Height));
        }

        return (
            _folder.CheckSize("-W", Request.Width ?? width, _folder.Network.Width),
            _folder.CheckSize("-H", Request.Height ?? height, _folder.Network.Height));
    }

    private int OnGrid(int pixels) => Math.Max(pixels / _folder.SizeGrid, 1) * _folder.SizeGrid;

    private static void RequireSame(string option, int? asked, int latents)
    {
        if (asked is { } pixels && pixels != latents)
        {
            throw new RequestException($"{option} {pixels} does not agree with the given latents, which make {latents} pixels; leave {option} out.");
        }
    }

    /// <summary>A tensor of ONNX Runtime's C# interface has at most 2 GiB: the decoder's [1, 3, height, width], the UNet's [2 · images, …].</summary>
    private void RequireRoom()
    {
        var pictures = 3L * Width * Height;
        var latents = 2L * ImageCount * _folder.Network.InputChannels * LatentWidth * LatentHeight;
        if (Math.Max(pictures, latents) > int.MaxValue / sizeof(float))
        {
            throw new RequestException($"{ImageCount} times {Width} x {Height} pixels is more than a network can be fed; ask for a smaller -W and -H or fewer --num-images.");
        }
    }

    private void RequireWhatBelongsTogether()
    {
        if (Request.Seeds.Count == 0)
        {
            throw new RequestException("no seed is given; one picture is painted for each.");
        }

        if (Request.Latents is { } latents && latents.Channels != _folder.LatentChannels)
        {
            throw new RequestException($"the given latents have {latents.Channels} channels; {_folder.Name} has {_folder.LatentChannels}.");
        }

        if (Request.Latents is { Count: 0 })
        {
            throw new RequestException("the given latents hold no picture; give at least one.");
        }

        if (Request.Latents is { } start && !TensorPrimitives.IsFiniteAll(start.Values))
        {
            throw new RequestException("the given latents hold numbers that are not finite (NaN or infinite); save them again.");
        }

        if (Request.Latents is { } several && Request.ImagesPerSeed != 1 && Request.ImagesPerSeed != several.Count)
        {
            throw new RequestException($"--num-images {Request.ImagesPerSeed} does not agree with the {several.Count} given latents; leave --num-images out.");
        }

        if (Request.Latents is not null && Request.InitImage is not null)
        {
            throw new RequestException("--latents and --init-image both say what to start from; give one of them.");
        }

        if (Request.InitImage is null && Request.Strength is not null)
        {
            throw new RequestException("--strength says how far to go from a picture; give one with --init-image.");
        }

        if (Request.InitImage is null && Request.Mask is not null)
        {
            throw new RequestException("--mask says what to repaint of a picture; give one with --init-image.");
        }

        _folder.Family.Check(Request, _folder);
        if (Request.GuidanceStart >= Request.GuidanceEnd)
        {
            throw new RequestException("--guidance-start must be less than --guidance-end.");
        }
    }

    private static int Positive(string option, int value) =>
        value > 0 ? value : throw new RequestException($"{option} {value} must be at least 1.");

    private static double Finite(string option, double value) =>
        double.IsFinite(value) && value >= 0
            ? value
            : throw new RequestException($"{option} {value.ToString(CultureInfo.InvariantCulture)} must be a number of at least 0.");

    private static double Share(string option, double value) =>
        value is >= 0 and <= 1
            ? value
            : throw new RequestException($"{option} {value.ToString(CultureInfo.InvariantCulture)} must be from 0 to 1.");
}
