namespace StableDiffusion;

/// <summary>
/// START HERE: a model folder, opened. A request goes through four stages: condition, start, denoise, decode. Networks are opened when
/// first needed and stay open for the next request. Not for use by several threads at once.
/// </summary>
public sealed partial class TextToImagePipeline : IDisposable
{
    private readonly NetworkSet _networks;
    private readonly Action<string> _warn;
    private readonly AdapterShelf _adapters;
    private readonly ControlShelf _controls;

    private TextToImagePipeline(ModelFolder folder, PipelineOptions options)
    {
        Folder = folder;
        _warn = options.Warning ?? (_ => { });
        _adapters = new AdapterShelf(folder, _warn);
        var host = new OnnxRuntimeHost(options.Device, options.Threads);
        Device = host.DeviceName;
        var oneAtATime = options.OneNetworkAtATime ?? folder.WeightBytes > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes * 0.7;
        var loader = new NetworkLoader(folder, host);
        _networks = new NetworkSet(folder, loader, oneAtATime);
        _controls = new ControlShelf(folder, loader, oneAtATime);
    }

    /// <summary>Condition: what the network is told, for each painting.</summary>
    private List<GuidedConditioning> Condition(IReadOnlyList<Painting> paintings, StageClock clock, CancellationToken cancellation)
    {
        var conditioner = clock.Load(() => _networks.Conditioner);
        var told = clock.EncodeTexts(() => paintings.Select(painting => conditioner.Encode(painting.Plan, _warn, cancellation)).ToList());
        _networks.ConditionerIsDone();
        return told;
    }

    /// <summary>Start: noise, or a picture with noise on it.</summary>
    private (Latents Latents, Inpainting? Inpainting) Start(
        PaintingGroup group, IScheduler scheduler, StageClock clock, CancellationToken cancellation)
    {
        if (group.Plan.Request.InitImage is not null)
        {
            clock.Load(_networks.Codec.OpenEncoder);
        }

        var starts = clock.EncodeImage(() => group.Paintings
            .Select(painting => new StartLatents(painting.Plan, scheduler, painting.Noise, _networks.Codec, cancellation).Create())
            .ToList());
        _networks.CodecIsDone();
        return (Latents.Join([.. starts.Select(start => start.Latents)]), starts[0].Inpainting);
    }

    /// <summary>Denoise: the loop over the network, until the latents are clean.</summary>
    private void Denoise(PaintingGroup group, Latents latents, Denoiser.Run run, StageClock clock, Report report, CancellationToken cancellation)
    {
        var network = clock.Load(() => _controls.Around(_networks.Network, group.Plan.Request));
        clock.Denoise(() => Denoiser.Denoise(network, latents, run, (call, step) => report.Call(call, group.Plan.Calls, step), cancellation));
        _networks.NetworkIsDone();
        _controls.IsDone();
    }

    /// <summary>Decode: latents to pictures, each when it is asked for.</summary>
    private IEnumerable<GeneratedImage> Decode(PaintingGroup group, Latents latents, int first, StageClock clock, CancellationToken cancellation)
    {
        clock.Load(_networks.Codec.OpenDecoder);
        for (var i = 0; i < group.Count; i++)
        {
            var one = latents.Extract(i);
            var picture = clock.Decode(() => _networks.Codec.Decode(one, cancellation));
            var (painting, inSeed) = group[i];
            var parameters = _adapters.Describe(PictureParameters.Of(painting.Plan, painting.Seed, inSeed), painting.Plan.Request);
            yield return new GeneratedImage(picture, one, first + i, painting.Seed, inSeed, parameters, clock.Timings);
        }

        _networks.CodecIsDone();
    }

    /// <summary>The four stages, one after the other.</summary>
    private IEnumerable<GeneratedImage> Paint(IReadOnlyList<Painting> paintings, Report report, CancellationToken cancellation)
    {
        var clock = new StageClock();
        _networks.Use([.. _adapters.EditsFor(paintings[0].Plan.Request), .. paintings[0].Plan.Edits]);
        var told = Condition(paintings, clock, cancellation);
        for (var done = 0; done < paintings.Count;)
        {
            // What the network is told has one shape in one call, and padding a short text would change its picture.
            var count = told.Skip(done).TakeWhile(told[done].SharesCallsWith).Count();
            var group = new PaintingGroup([.. paintings.Skip(done).Take(count)], [.. told.Skip(done).Take(count)]);
            var here = report with { First = report.First + done };
            var scheduler = group.Plan.TakeScheduler(group.Count);
            var (latents, inpainting) = Start(group, scheduler, clock, cancellation);
            Denoise(group, latents, Denoiser.Run.Of(group, scheduler, inpainting), clock, here, cancellation);
            foreach (var picture in Decode(group, latents, here.First, clock, cancellation))
            {
                yield return picture;
            }

            done += count;
        }
    }

    /// <summary>Tells a caller how far a request is.</summary>
    private readonly record struct Report(IProgress<GenerationProgress>? Progress, int First, int Images)
    {
        public void Call(int call, int calls, DenoisingStep? step) =>
            Progress?.Report(new GenerationProgress(First, Images, call, calls) { Step = step });
    }
}
