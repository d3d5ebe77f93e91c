using System.Text.Json.Nodes;

namespace StableDiffusion;

/// <summary>A request with every open value filled from the model, and known to make sense for it.</summary>
internal sealed class GenerationPlan
{
    private IScheduler? _unused;

    private GenerationPlan(ImageRequest request, ModelFolder folder, Action<string> warn)
    {
        Warn = request.Warning ?? warn;
        Folder = folder;
        Request = request;
        Steps = RequestCheck.Positive(nameof(request.Steps), folder.Defaults.StepsOf(request));
        ImageCount = request.Latents?.Count ?? RequestCheck.Positive(nameof(request.ImagesPerSeed), request.ImagesPerSeed);
        RequestCheck.Positive(nameof(request.ClipSkip), request.ClipSkip);
        Scale = RequestCheck.Finite(nameof(request.GuidanceScale), folder.Defaults.GuidanceScaleOf(request));
        GuidanceEmbedding = EmbeddingOf(Scale, folder);
        Guidance = new Guidance(
            GuidanceEmbedding is null && !LacksNegativePrompt ? Scale : 1,
            RequestCheck.Share(nameof(request.GuidanceRescale), request.GuidanceRescale),
            RequestCheck.Share(nameof(request.GuidanceStart), request.GuidanceStart),
            RequestCheck.Share(nameof(request.GuidanceEnd), request.GuidanceEnd),
            RequestCheck.Positive(nameof(request.GuidanceEvery), request.GuidanceEvery));
        Strength = RequestCheck.Strength(request, folder);
        if (request.Eta is { } eta)
        {
            RequestCheck.Share(nameof(request.Eta), eta);
        }

        (Width, Height) = PictureSize.Of(request, folder);
        RequestCheck.WhatBelongsTogether(request, folder);

        var config = request.SchedulerConfig.Aggregate(folder.SchedulerFor(request), (config, entry) => config.With(entry.Key, entry.Value));
        Scheduler = SchedulerTable.Choose(config, request.Scheduler);
        if (request.SchedulerFactory is null && !folder.Family.CanUse(Scheduler.Entry))
        {
            throw new RequestException(
                nameof(request.Scheduler),
                $"{Scheduler.Entry.Name} is not for {folder.Family.Name}; choose one of {string.Join(", ", folder.SchedulerNames)}.");
        }

        // Built here so that what cannot work is refused before anything runs.
        _unused = Build(ImageCount);
        Calls = _unused.Timesteps.Count;
        HasWholeTimesteps = _unused.Timesteps.All(float.IsInteger);
        SecondPass = Hires.SecondPass(request, folder, Width, Height, Steps) is { } second ? PlanOfSecondPass(second, request.Hires!, folder, warn) : null;
    }

    /// <summary>What cannot be is said of the second pass, whose steps, strength and size are not those that the request names.</summary>
    private static GenerationPlan PlanOfSecondPass(ImageRequest second, Hires hires, ModelFolder folder, Action<string> warn)
    {
        try
        {
            return new GenerationPlan(second, folder, warn);
        }
        catch (RequestException error) when (error.Parameter is nameof(Steps) or nameof(Strength) or nameof(Width) or nameof(Height))
        {
            throw new RequestException(
                nameof(ImageRequest.Hires), $"{nameof(ImageRequest.Hires):name} {hires.Scale}: {error.MessageFor(static name => $"its {name.ToLowerInvariant()}")}");
        }
    }

    public ImageRequest Request { get; }

    public ModelFolder Folder { get; }

    /// <summary>Says what will not stop the run, but may surprise.</summary>
    public Action<string> Warn { get; }

    /// <summary>What the request changes in the networks' graphs.</summary>
    public IReadOnlyList<IGraphEdit> Edits => Request.DeepCache is { Interval: > 1 } cache ? [.. Request.Edits, new DeepCacheEdit(cache.Branch)] : Request.Edits;

    public int Steps { get; }

    /// <summary>How often a run calls the network (once or twice a step, fewer with a strength below 1).</summary>
    public int Calls { get; }

    public bool HasWholeTimesteps { get; }

    /// <summary>What is done with the result at a larger size; null for nothing.</summary>
    public GenerationPlan? SecondPass { get; }

    /// <summary>Calls with those of the second pass.</summary>
    public int AllCalls => Calls + (SecondPass?.Calls ?? 0);

    public int ImageCount { get; }

    public int Width { get; }

    public int Height { get; }

    public int LatentWidth => Width / Folder.PixelsPerLatent;

    public int LatentHeight => Height / Folder.PixelsPerLatent;

    public double Strength { get; }

    /// <summary>The guidance scale as asked for.</summary>
    public double Scale { get; }

    /// <summary>Latent consistency models are told the scale as an input; all others are run twice, see <see cref="Guidance"/>.</summary>
    public float[]? GuidanceEmbedding { get; }

    public Guidance Guidance { get; }

    /// <summary>Whether guidance is off because the family needs a negative prompt for it, and none is given.</summary>
    public bool LacksNegativePrompt => Folder.Family.GuidesByNegativePromptOnly && (Request.NegativePrompt ?? Request.NegativePrompt2) is null;

    /// <summary>The scheduler that is asked for, or the model's own.</summary>
    public ResolvedScheduler Scheduler { get; }

    /// <summary>diffusers' pipelines hand every scheduler that takes η a 0 unless told otherwise, whatever its own default.</summary>
    public double? Eta => Request.Eta ?? (Scheduler.Entry.HasEta ? 0 : null);

    /// <summary>What the network was trained to say.</summary>
    public PredictionType Predicts => Scheduler.Config.Has("prediction_type")
        ? Prediction.Of(Scheduler.Config, PredictionType.Epsilon, PredictionType.Sample, PredictionType.V, PredictionType.Flow)
        : PredictionType.Flow;

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

    /// <param name="request">The request.</param>
    /// <param name="folder">The model.</param>
    /// <param name="warn">Told what <see cref="ImageRequest.Warning"/> is not there for.</param>
    public static GenerationPlan Of(ImageRequest request, ModelFolder folder, Action<string>? warn = null) => new(request, folder, warn ?? (static _ => { }));

    /// <summary>Latents of this plan's size for all its images, with nothing in them.</summary>
    public Latents EmptyLatents() => new(
        new float[ImageCount * Folder.LatentChannels * LatentHeight * LatentWidth], ImageCount, Folder.LatentChannels, LatentHeight, LatentWidth);

    /// <summary>A scheduler for one run of <paramref name="images"/> images, of which no step is taken yet.</summary>
    public IScheduler TakeScheduler(int images)
    {
        var taken = images == ImageCount ? Interlocked.Exchange(ref _unused, null) : null;
        return taken ?? Build(images);
    }

    /// <summary>
    /// Whether a picture of this plan and one of another can be painted in the same calls of the network: from noise alone, one picture
    /// each, with nothing different but texts, seed and generator.
    /// </summary>
    public bool SharesCallsWith(GenerationPlan other) =>
        IsPlain && other.IsPlain
        && (Width, Height, Steps, Guidance) == (other.Width, other.Height, other.Steps, other.Guidance)
        && Request.MaxSequenceLength == other.Request.MaxSequenceLength
        && (Request.Scheduler, Request.SchedulerFactory, Request.Eta) == (other.Request.Scheduler, other.Request.SchedulerFactory, other.Request.Eta)
        && TimeIds.AsSpan().SequenceEqual(other.TimeIds)
        && GuidanceEmbedding.AsSpan().SequenceEqual(other.GuidanceEmbedding)
        && (Request.Tiling, Request.Seamless, Request.DeepCache) == (other.Request.Tiling, other.Request.Seamless, other.Request.DeepCache)
        && (Request.Hires, Request.Upscale, Request.UpscalerInUse) == (other.Request.Hires, other.Request.Upscale, other.Request.UpscalerInUse)
        && Request.Loras.SequenceEqual(other.Request.Loras)
        && Request.Embeddings.SequenceEqual(other.Request.Embeddings) && Request.EmbeddingFolder == other.Request.EmbeddingFolder
        && Edits.Select(edit => edit.Key).SequenceEqual(other.Edits.Select(edit => edit.Key))
        && Request.SchedulerConfig.Count == other.Request.SchedulerConfig.Count
        && Request.SchedulerConfig.All(entry =>
            other.Request.SchedulerConfig.TryGetValue(entry.Key, out var value) && JsonNode.DeepEquals(entry.Value, value));

    private bool IsPlain => ImageCount == 1 && Request.Seeds.Count == 1 && Request.InitImage is null && Request.Latents is null && Request.Controls.Count == 0;

    private static float[]? EmbeddingOf(double scale, ModelFolder folder)
    {
        if (!folder.Network.Wants("timestep_cond"))
        {
            return null;
        }

        var width = folder.TimeConditioningWidth
            ?? throw new ModelException($"{folder.Path}/{folder.Family.NetworkPart} wants timestep_cond, but its config.json has no time_cond_proj_dim.");
        return StableDiffusion.GuidanceEmbedding.Create(scale, width);
    }

    private IScheduler Build(int images)
    {
        var run = new SchedulerRun
        {
            Steps = Steps,
            Strength = Strength,
            Images = images,
            Eta = Eta,
            EvenLevels = Folder.Family.HasEvenLevels,
            StepsWithinStrength = Folder.Family.HasStepsWithinStrength,
            Mu = Folder.Family.TimeShift(Scheduler.Config, LatentHeight, LatentWidth),
        };
        return Request.SchedulerFactory?.Invoke(run) ?? Scheduler.Build(run);
    }
}
