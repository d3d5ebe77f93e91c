using System.Runtime.CompilerServices;

namespace StableDiffusion;

/// <content>What callers see: requests in, pictures out.</content>
public sealed partial class TextToImagePipeline
{
    private readonly ConditionalWeakTable<ImageRequest, GenerationPlan> _plans = [];
    private readonly MemoryNeed? _need;
    private readonly long _free;
    private readonly Func<string, string> _nameOf;
    private readonly bool _capturesRuns;
    private readonly bool _isSmall;
    private bool _hasWarnedOfMemory;

    private TextToImagePipeline(ModelFolder folder, PipelineOptions options)
    {
        Folder = folder;
        _warn = options.Warning ?? (_ => { });
        if (folder.Guess is { } guess)
        {
            _warn(guess);
        }

        _adapters = new AdapterShelf(folder, _warn);
        var host = new OnnxRuntimeHost(options.Device, options.Threads, options.SessionOptions, options.Provider, options.CudaOptions) { Watch = options.NetworkWatch };
        Device = host.DeviceName;
        _capturesRuns = host.CapturesRuns;
        _nameOf = options.ParameterName ?? (static name => name);
        if (Device == "cpu" && options.CudaOptions.Count > 0)
        {
            _warn($"{_nameOf(nameof(PipelineOptions.CudaOptions))} has no effect: CUDA does not work here, and the networks run on the CPU.");
        }

        var weights = folder.WeightBytes(widened: Device == "cpu", options.Precision);
        var use = MemoryBudget.Decide(options.OneNetworkAtATime, options.OpensOnce, weights.Values.Sum(), MachineMemory.Total);
        var sparesMemory = use == NetworkUse.OneAtATime;
        _isSmall = use == NetworkUse.AllAhead;
        _need = Device == "cpu" ? new MemoryNeed(folder, weights, sparesMemory, options.Attention) : null;
        _free = MachineMemory.Available;
        Precision = options.Precision;
        var loader = new NetworkLoader(folder, host)
        {
            Edits = options.Edits,
            Attention = options.Attention,
            Precision = options.Precision,
            OneAtATime = sparesMemory,
            Cache = options.GraphCache is { } cache ? new GraphCache(cache, host, _warn) : null,
        };
        _networks = new NetworkSet(folder, loader, use);
        _controls = new ControlShelf(folder, loader, sparesMemory);
        _enlarger = new Enlarger(folder, path => loader.OpenFile(path));
    }

    /// <summary>The model and all that its configuration says.</summary>
    public ModelFolder Folder { get; }

    /// <summary>The device in use: <c>cpu</c>, <c>cuda</c>, <c>cuda:N</c>, or the name of <see cref="PipelineOptions.Provider"/>.</summary>
    public string Device { get; }

    /// <summary>How finely weights are kept.</summary>
    public WeightPrecision Precision { get; }

    /// <summary>Opens a model folder.</summary>
    /// <exception cref="ModelException">The folder is no model, or lacks files.</exception>
    /// <exception cref="RequestException">An option cannot be: a variant that no part has, settings of CUDA, a provider's library.</exception>
    /// <exception cref="DeviceException">The device asked for does not work here.</exception>
    public static TextToImagePipeline Load(string modelFolder, PipelineOptions? options = null)
    {
        var runtime = OnnxRuntimeHost.Begin();
        try
        {
            return new(ModelFolder.Open(modelFolder, options?.Variant), options ?? new PipelineOptions());
        }
        finally
        {
            // A process that ends while the native library is being loaded may crash.
            runtime.Wait();
        }
    }

    /// <summary>Paints one picture for each seed (or several, see <see cref="ImageRequest.ImagesPerSeed"/>), each as soon as it is asked for.</summary>
    /// <param name="request">What to paint; checked at once.</param>
    /// <param name="progress">Told after each call of the network, on the thread that paints.</param>
    /// <param name="cancellation">Stops between calls, and within them.</param>
    /// <exception cref="RequestException">The request makes no sense for this model.</exception>
    /// <exception cref="ModelException">A network cannot be opened, or gives numbers that are not finite.</exception>
    /// <exception cref="DeviceException">The device fails, or lacks memory.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    /// <exception cref="ObjectDisposedException">The pipeline is disposed.</exception>
    public IEnumerable<GeneratedImage> Generate(
        ImageRequest request, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default)
    {
        var plan = PlanOf(request);
        return request.Seeds.SelectMany((seed, run) =>
            Paint([new Painting(plan, seed, run)], exact: false, new(progress, run * plan.ImageCount, request.Seeds.Count * plan.ImageCount), cancellation));
    }

    /// <summary>The same on a thread of the pool, so that the caller's is free meanwhile.</summary>
    /// <inheritdoc cref="Generate"/>
    public IAsyncEnumerable<GeneratedImage> GenerateAsync(
        ImageRequest request, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default)
    {
        var plan = PlanOf(request);
        return PaintAsync(request, plan, progress, cancellation);
    }

    /// <summary>
    /// Whether pictures of two requests can be painted in the same calls of the UNet: both from noise alone, one picture each, with the same
    /// size, steps, guidance and scheduler, the same LoRAs, learnt words and control networks, and without a second pass. Texts, seeds and generators may differ.
    /// </summary>
    /// <exception cref="RequestException">One of the requests makes no sense for this model.</exception>
    public bool CanPaintTogether(ImageRequest first, ImageRequest second) =>
        PlanOf(first, warns: false).SharesCallsWith(PlanOf(second, warns: false));

    /// <summary>
    /// How many requests like this one are painted the soonest together: by a small model on a processor, as many as have between them the latents
    /// of one guided picture of 512 × 512 pixels, eight at most; else one, since a large model has work enough in a call for one.
    /// </summary>
    /// <exception cref="RequestException">The request makes no sense for this model.</exception>
    public int FastestTogether(ImageRequest request) => Device == "cpu" && _isSmall ? SharedCalls.FastestOf(PlanOf(request, warns: false)) : 1;

    /// <summary>
    /// Paints several requests in the same calls of the UNet. Each has its own text and generator, so it comes out as it does alone, but for
    /// the last bits of sums that the network forms in another order.
    /// </summary>
    /// <param name="requests">What to paint; checked at once.</param>
    /// <param name="exact">Whether to compare a call for all of them with calls for each, once for each number and shape of them, and to paint one after the other where they differ in a bit.</param>
    /// <param name="progress">Told after each call of the network, on the thread that paints.</param>
    /// <param name="cancellation">Stops between calls, and within them.</param>
    /// <returns>One picture for each request, in order; <see cref="GeneratedImage.Index"/> says for which.</returns>
    /// <exception cref="RequestException">A request makes no sense for this model, or cannot be painted together with the first.</exception>
    /// <exception cref="ModelException">A network cannot be opened, or gives numbers that are not finite.</exception>
    /// <exception cref="DeviceException">The device fails, or lacks memory.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public IEnumerable<GeneratedImage> GenerateTogether(
        IReadOnlyList<ImageRequest> requests, bool exact = false, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(requests);
        if (requests.Count == 1)
        {
            return Generate(requests[0], progress, cancellation);
        }

        var plans = requests.Select(request => PlanOf(request)).ToList();
        return plans.TrueForAll(plan => plan.SharesCallsWith(plans[0]))
            ? PaintTogether(plans, exact, progress, cancellation)
            : throw new RequestException("requests that differ in size, steps, guidance, scheduler or start picture cannot be painted together.");
    }

    /// <summary>Opens the pipeline to be looked into.</summary>
    internal PipelineProbe Probe(ImageRequest request, CancellationToken cancellation) => new(_networks, request, Folder, _warn, cancellation);

    /// <summary>
    /// Closes all networks. A stage of a request that runs on another thread is waited for; what is asked of the pipeline afterwards, the next
    /// picture of such a request too, is an <see cref="ObjectDisposedException"/>.
    /// </summary>
    public void Dispose() => _gate.Close(() =>
    {
        _networks.Dispose();
        _controls.Dispose();
        _enlarger.Dispose();
    });

    private async IAsyncEnumerable<GeneratedImage> PaintAsync(
        ImageRequest request,
        GenerationPlan plan,
        IProgress<GenerationProgress>? progress,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        foreach (var (run, seed) in request.Seeds.Index())
        {
            var report = new ProgressReport(progress, run * plan.ImageCount, request.Seeds.Count * plan.ImageCount);
            using var pictures = Paint([new Painting(plan, seed, run)], exact: false, report, cancellation).GetEnumerator();
            while (await Task.Run(pictures.MoveNext, cancellation).ConfigureAwait(false))
            {
                yield return pictures.Current;
            }
        }
    }

    /// <summary>Generators are made when pictures are asked for, so that each time they are the same.</summary>
    private IEnumerable<GeneratedImage> PaintTogether(
        List<GenerationPlan> plans, bool exact, IProgress<GenerationProgress>? progress, CancellationToken cancellation)
    {
        foreach (var picture in Paint(
            [.. plans.Select(plan => new Painting(plan, plan.Request.Seeds[0]))], exact, new(progress, 0, plans.Count), cancellation))
        {
            yield return picture;
        }
    }

    /// <summary>Does one stage while no other thread does one, with the networks as the plan edits them.</summary>
    private T Alone<T>(GenerationPlan plan, Func<T> stage, CancellationToken cancellation) => _gate.Do(
        () =>
        {
            _networks.Use([.. _adapters.EditsFor(plan.Request), .. plan.Edits]);
            _networks.Tiling = plan.Request.TilingInUse;
            return stage();
        },
        cancellation);

    /// <summary>Checks a request, once for as long as its object lives: it never changes.</summary>
    private GenerationPlan PlanOf(ImageRequest request, bool warns = true)
    {
        ArgumentNullException.ThrowIfNull(request);
        _gate.RequireOpen();
        var plan = _plans.GetValue(request, one => GenerationPlan.Of(one, Folder, _warn));
        if (_capturesRuns && request.DeepCache is { Interval: > 1 })
        {
            throw new RequestException(
                nameof(request.DeepCache), $"{nameof(request.DeepCache):name} takes values out of the network, which a CUDA graph does not give; leave it out, or enable_cuda_graph out of {nameof(PipelineOptions.CudaOptions):name}.");
        }

        if (warns)
        {
            WarnOf(plan);
        }

        return plan;
    }

    /// <summary>Says what will not stop the run, but may surprise.</summary>
    private void WarnOf(GenerationPlan plan)
    {
        _adapters.EditsFor(plan.Request);
        _controls.Require(plan.Request);
        if (Folder.Vocabulary?.UnknownWords(plan.Request.Prompt) is { Count: > 0 } unknown)
        {
            plan.Warn($"not in this model's vocabulary: {OneLine.Reason(string.Join(", ", unknown))}. 'vocabulary' lists what {Folder.Name} can paint.");
        }

        if (!_hasWarnedOfMemory && _need?.Warning(plan, _free) is { } tooMuch)
        {
            _hasWarnedOfMemory = true;
            plan.Warn(ParameterText.Render(tooMuch, _nameOf));
        }

        foreach (var surprise in Surprises.Of(plan))
        {
            plan.Warn(surprise);
        }

        foreach (var unused in _adapters.Unused(plan.Request))
        {
            plan.Warn(unused);
        }

        plan.Request.Notes.ForEach(plan.Warn);
        if (Folder.Network.WantsWholeTimesteps && !plan.HasWholeTimesteps)
        {
            plan.Warn($"this scheduler's time steps have fractions, which the export {Folder.Name} cannot be told; they are rounded, and pictures differ from diffusers'.");
        }
    }
}
