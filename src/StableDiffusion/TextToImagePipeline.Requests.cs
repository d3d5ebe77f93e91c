namespace StableDiffusion;

/// <content>What callers see: requests in, pictures out.</content>
public sealed partial class TextToImagePipeline
{
    /// <summary>The model and all that its configuration says.</summary>
    public ModelFolder Folder { get; }

    /// <summary>The device in use: <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    public string Device { get; }

    /// <summary>Opens a model folder.</summary>
    /// <exception cref="ModelException">The folder is no model, or lacks files.</exception>
    /// <exception cref="DeviceException">The device asked for does not work here.</exception>
    public static TextToImagePipeline Load(string modelFolder, PipelineOptions? options = null) =>
        new(ModelFolder.Open(modelFolder), options ?? new PipelineOptions());

    /// <summary>Paints one picture for each seed (or several, see <see cref="ImageRequest.ImagesPerSeed"/>), each as soon as it is asked for.</summary>
    /// <exception cref="RequestException">The request makes no sense for this model.</exception>
    /// <exception cref="ModelException">A network cannot be opened, or gives numbers that are not finite.</exception>
    public IEnumerable<GeneratedImage> Generate(
        ImageRequest request, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default)
    {
        var plan = GenerationPlan.Of(request, Folder);
        WarnOf(plan);
        return request.Seeds.SelectMany((seed, run) =>
            Paint([new Painting(plan, seed)], new(progress, run * plan.ImageCount, request.Seeds.Count * plan.ImageCount), cancellation));
    }

    /// <summary>
    /// Whether pictures of two requests can be painted in the same calls of the UNet: both from noise alone, one picture each, with the same
    /// size, steps, guidance and scheduler. Texts, seeds and generators may differ.
    /// </summary>
    /// <exception cref="RequestException">One of the requests makes no sense for this model.</exception>
    public bool CanPaintTogether(ImageRequest first, ImageRequest second) =>
        GenerationPlan.Of(first, Folder).SharesCallsWith(GenerationPlan.Of(second, Folder));

    /// <summary>
    /// Paints several requests in the same calls of the UNet. Each has its own text and generator, so it comes out as it does alone, but for
    /// the last bits of sums that the network forms in another order.
    /// </summary>
    /// <returns>One picture for each request, in order; <see cref="GeneratedImage.Index"/> says for which.</returns>
    /// <exception cref="RequestException">A request makes no sense for this model, or cannot be painted together with the first.</exception>
    /// <exception cref="ModelException">A network cannot be opened, or gives numbers that are not finite.</exception>
    public IEnumerable<GeneratedImage> GenerateTogether(
        IReadOnlyList<ImageRequest> requests, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(requests);
        if (requests.Count == 1)
        {
            return Generate(requests[0], progress, cancellation);
        }

        var plans = requests.Select(request => GenerationPlan.Of(request, Folder)).ToList();
        plans.ForEach(WarnOf);
        return plans.TrueForAll(plan => plan.SharesCallsWith(plans[0]))
            ? Paint([.. plans.Select(plan => new Painting(plan, plan.Request.Seeds[0]))], new(progress, 0, plans.Count), cancellation)
            : throw new RequestException("requests that differ in size, steps, guidance, scheduler or start picture cannot be painted together.");
    }

    public void Dispose()
    {
        _networks.Dispose();
        _controls.Dispose();
    }

    /// <summary>Says what will not stop the run, but may surprise.</summary>
    private void WarnOf(GenerationPlan plan)
    {
        _adapters.EditsFor(plan.Request);
        _controls.Require(plan.Request);
        if (Folder.Vocabulary?.UnknownWords(plan.Request.Prompt) is { Count: > 0 } unknown)
        {
            _warn($"not in this model's vocabulary: {string.Join(", ", unknown)}. 'vocabulary' lists what {Folder.Name} can paint.");
        }

        if (Folder.Network.WantsWholeTimesteps && !plan.HasWholeTimesteps)
        {
            _warn($"this scheduler's time steps have fractions, which the export {Folder.Name} cannot be told; they are rounded, and pictures differ from diffusers'.");
        }
    }
}
