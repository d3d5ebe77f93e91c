namespace StableDiffusion;

/// <summary>
/// START HERE: a model folder, opened. Prompt to tokens, embeddings, noise, denoising loop, latents, pixels. Networks are opened when
/// first needed and stay open for the next request. Not for use by several threads at once.
/// </summary>
public sealed class TextToImagePipeline : IDisposable
{
    private readonly OnnxRuntimeHost _host;
    private readonly Action<string> _warn;
    private readonly bool _oneAtATime;
    private Conditioner? _conditioner;
    private UNet? _unet;
    private LatentDecoder? _decoder;
    private LatentEncoder? _encoder;

    private TextToImagePipeline(ModelFolder folder, PipelineOptions options)
    {
        Folder = folder;
        _warn = options.Warning ?? (_ => { });
        _host = new OnnxRuntimeHost(options.Device, options.Threads);
        _oneAtATime = options.OneNetworkAtATime ?? folder.WeightBytes > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes * 0.7;
    }

    /// <summary>The model and all that its configuration says.</summary>
    public ModelFolder Folder { get; }

    /// <summary>The device in use: <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    public string Device => _host.DeviceName;

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
            GenerateRun([new Painting(plan, seed)], run * plan.ImageCount, request.Seeds.Count * plan.ImageCount, progress, cancellation));
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
            ? GenerateRun([.. plans.Select(plan => new Painting(plan, plan.Request.Seeds[0]))], 0, plans.Count, progress, cancellation)
            : throw new RequestException("requests that differ in size, steps, guidance, scheduler or start picture cannot be painted together.");
    }

    public void Dispose()
    {
        _conditioner?.Dispose();
        _unet?.Dispose();
        _decoder?.Dispose();
        _encoder?.Dispose();
    }

    /// <summary>One seed of one plan: <see cref="GenerationPlan.ImageCount"/> pictures from one generator.</summary>
    private sealed record Painting(GenerationPlan Plan, long Seed)
    {
        public INoiseSource Noise { get; } = ImageNoise.Create(Plan.Request.Generator, Seed);
    }

    /// <summary>Several paintings whose texts have the same length, or one.</summary>
    private IEnumerable<GeneratedImage> GenerateRun(
        IReadOnlyList<Painting> paintings, int firstIndex, int images, IProgress<GenerationProgress>? progress, CancellationToken cancellation)
    {
        var clock = new StageClock();
        var conditioner = clock.Load(() => _conditioner ??= new Conditioner(Folder, _host));
        var texts = clock.EncodeTexts(() => paintings.Select(painting => EncodeTexts(painting.Plan, conditioner, cancellation)).ToList());
        Release(ref _conditioner);

        // Rows of one call need texts of one length, and padding a short one would change its picture.
        var sameLength = texts.TakeWhile(text => text.Positive.Tokens == texts[0].Positive.Tokens && text.Negative?.Tokens == texts[0].Negative?.Tokens);
        var count = sameLength.Count();
        foreach (var picture in GenerateCalls([.. paintings.Take(count)], [.. texts.Take(count)], clock, firstIndex, images, progress, cancellation))
        {
            yield return picture;
        }

        if (count < paintings.Count)
        {
            foreach (var picture in GenerateRun([.. paintings.Skip(count)], firstIndex + count, images, progress, cancellation))
            {
                yield return picture;
            }
        }
    }

    private IEnumerable<GeneratedImage> GenerateCalls(
        IReadOnlyList<Painting> paintings,
        IReadOnlyList<(Conditioning Positive, Conditioning? Negative)> texts,
        StageClock clock,
        int firstIndex,
        int images,
        IProgress<GenerationProgress>? progress,
        CancellationToken cancellation)
    {
        // One painting may have several images; of several paintings each has one.
        var plan = paintings[0].Plan;
        var count = paintings.Count == 1 ? plan.ImageCount : paintings.Count;
        var rows = Enumerable.Range(0, count).Select(i => Math.Min(i, paintings.Count - 1)).ToList();
        var scheduler = plan.CreateScheduler(count);
        var encoder = plan.Request.InitImage is null ? null : clock.Load(() => _encoder ??= new LatentEncoder(Folder, _host));
        var starts = clock.EncodeImage(() => paintings
            .Select(painting => StartLatents.Create(painting.Plan, Folder, scheduler, painting.Noise, encoder, cancellation))
            .ToList());
        var latents = Latents.Join([.. starts.Select(start => start.Latents)]);
        Release(ref _encoder);

        var unet = clock.Load(() => _unet ??= new UNet(Folder, _host));
        var run = new Denoiser.Run
        {
            Scheduler = scheduler,
            Guidance = plan.Guidance,
            Positive = [.. rows.Select(row => texts[row].Positive)],
            Negative = texts[0].Negative is null ? null : [.. rows.Select(row => texts[row].Negative!)],
            Noise = paintings.Count == 1 ? paintings[0].Noise : new SeparateNoise([.. paintings.Select(painting => painting.Noise)]),
            TimeIds = plan.TimeIds,
            GuidanceEmbedding = plan.GuidanceEmbedding,
            Inpainting = starts[0].Inpainting,
        };
        clock.Denoise(() => Denoiser.Denoise(
            unet, latents, run, call => progress?.Report(new GenerationProgress(firstIndex, images, call, plan.Calls)), cancellation));
        Release(ref _unet);

        var decoder = clock.Load(() => _decoder ??= new LatentDecoder(Folder, _host));
        for (var i = 0; i < count; i++)
        {
            var painting = paintings[rows[i]];
            var one = latents.Extract(i);
            var picture = clock.Decode(() => decoder.Decode(one, cancellation));
            var inSeed = paintings.Count == 1 ? i : 0;
            var parameters = painting.Plan.ParametersOf(painting.Seed, inSeed);
            yield return new GeneratedImage(
                picture, one, firstIndex + i, painting.Seed, inSeed, parameters, clock.Timings);
        }

        Release(ref _decoder);
    }

    private (Conditioning Positive, Conditioning? Negative) EncodeTexts(
        GenerationPlan plan, Conditioner conditioner, CancellationToken cancellation)
    {
        var request = plan.Request;
        var skip = request.ClipSkip - 1;
        Conditioning Encode(string prompt, string prompt2, int layers)
        {
            var text = conditioner.Encode(new(prompt, prompt2, layers, request.LongPrompt), _warn, cancellation);
            return Folder.UNet.Tokens is { } tokens && text.Tokens != tokens
                ? throw new RequestException(
                    $"the prompt takes {text.Tokens} tokens, and {Folder.Name} was exported for {tokens}; shorten it, or cut it with --long-prompt truncate.")
                : text;
        }

        var positive = Encode(request.Prompt, request.Prompt2 ?? request.Prompt, skip);
        if (!plan.Guidance.IsOn)
        {
            return (positive, null);
        }

        if (request.NegativePrompt is null && Folder.ForceZerosForEmptyPrompt)
        {
            return (positive, positive.Zeros());
        }

        // diffusers' SD pipelines apply clip skip to the prompt alone; webuis and its SDXL pipeline apply it to both.
        var negativeSkip = request.LongPrompt == LongPrompt.Truncate && !Folder.HasSecondTextEncoder ? 0 : skip;
        var text = request.NegativePrompt ?? "";
        return (positive, Encode(text, request.NegativePrompt2 ?? text, negativeSkip));
    }

    /// <summary>Says what will not stop the run, but may surprise.</summary>
    private void WarnOf(GenerationPlan plan)
    {
        if (Folder.Vocabulary?.UnknownWords(plan.Request.Prompt) is { Count: > 0 } unknown)
        {
            _warn($"not in this model's vocabulary: {string.Join(", ", unknown)}. 'vocabulary' lists what {Folder.Name} can paint.");
        }

        if (Folder.UNet.WantsWholeTimesteps && !plan.HasWholeTimesteps)
        {
            _warn($"this scheduler's time steps have fractions, which the export {Folder.Name} cannot be told; they are rounded, and pictures differ from diffusers'.");
        }
    }

    private void Release<T>(ref T? network)
        where T : class, IDisposable
    {
        if (_oneAtATime)
        {
            network?.Dispose();
            network = null;
        }
    }
}
