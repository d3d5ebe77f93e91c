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
        if (Folder.UNet.WantsWholeTimesteps && !plan.HasWholeTimesteps)
        {
            _warn($"this scheduler's time steps have fractions, which the export {Folder.Name} cannot be told; they are rounded, and pictures differ from diffusers'.");
        }

        return request.Seeds.SelectMany((seed, run) => GenerateSeed(plan, seed, run * plan.ImageCount, progress, cancellation));
    }

    public void Dispose()
    {
        _conditioner?.Dispose();
        _unet?.Dispose();
        _decoder?.Dispose();
        _encoder?.Dispose();
    }

    private IEnumerable<GeneratedImage> GenerateSeed(
        GenerationPlan plan, long seed, int firstIndex, IProgress<GenerationProgress>? progress, CancellationToken cancellation)
    {
        var images = plan.Request.Seeds.Count * plan.ImageCount;
        var noise = ImageNoise.Create(plan.Request.Generator, seed);
        var clock = new StageClock();

        var conditioner = clock.Load(() => _conditioner ??= new Conditioner(Folder, _host));
        var (positive, negative) = clock.EncodeTexts(() => EncodeTexts(plan, conditioner, cancellation));
        Release(ref _conditioner);

        var scheduler = plan.CreateScheduler();
        var encoder = plan.Request.InitImage is null ? null : clock.Load(() => _encoder ??= new LatentEncoder(Folder, _host));
        var (latents, inpainting) = clock.EncodeImage(() => StartLatents.Create(plan, Folder, scheduler, noise, encoder, cancellation));
        Release(ref _encoder);

        var unet = clock.Load(() => _unet ??= new UNet(Folder, _host));
        var run = new Denoiser.Run
        {
            Scheduler = scheduler,
            Guidance = plan.Guidance,
            Positive = positive,
            Negative = negative,
            Noise = noise,
            TimeIds = plan.TimeIds,
            GuidanceEmbedding = plan.GuidanceEmbedding,
            Inpainting = inpainting,
        };
        clock.Denoise(() => Denoiser.Denoise(
            unet, latents, run, call => progress?.Report(new GenerationProgress(firstIndex, images, call, plan.Calls)), cancellation));
        Release(ref _unet);

        var decoder = clock.Load(() => _decoder ??= new LatentDecoder(Folder, _host));
        for (var i = 0; i < latents.Count; i++)
        {
            var one = latents.Extract(i);
            var picture = clock.Decode(() => decoder.Decode(one, cancellation));
            yield return new GeneratedImage(picture, one, firstIndex + i, seed, i, plan.ParametersOf(seed, i), clock.Timings);
        }

        Release(ref _decoder);
    }

    private (Conditioning Positive, Conditioning? Negative) EncodeTexts(
        GenerationPlan plan, Conditioner conditioner, CancellationToken cancellation)
    {
        var request = plan.Request;
        var skip = request.ClipSkip - 1;
        var positive = conditioner.Encode(
            new(request.Prompt, request.Prompt2 ?? request.Prompt, skip, request.LongPrompt), _warn, cancellation);
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
        return (positive, conditioner.Encode(new(text, request.NegativePrompt2 ?? text, negativeSkip, request.LongPrompt), _warn, cancellation));
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
