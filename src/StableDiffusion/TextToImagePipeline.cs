namespace StableDiffusion;

/// <summary>
/// START HERE: a model folder, opened. A request goes through four stages: condition, start, denoise, decode. Networks are opened when
/// first needed and stay open for the next request.
/// </summary>
/// <remarks>
/// Several threads may use one pipeline: stages of their requests run in turns, so that each gets the pictures it gets alone. The pictures
/// of a request can be gone through again; they are then painted again, the same.
/// </remarks>
public sealed partial class TextToImagePipeline : IDisposable
{
    private readonly NetworkSet _networks;
    private readonly Action<string> _warn;
    private readonly AdapterShelf _adapters;
    private readonly ControlShelf _controls;
    private readonly OneAtATime _gate = new(typeof(TextToImagePipeline));

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

        List<(Latents Latents, Inpainting? Inpainting)> Create() =>
            [.. group.Paintings.Select(painting =>
                new StartLatents(painting.Plan, scheduler, painting.Noise, _networks.Codec, cancellation, painting.VariationSeed).Create())];
        var starts = group.Plan.Request.InitImage is null ? Create() : clock.EncodeImage(Create);
        _networks.CodecIsDone();
        return (Latents.Join([.. starts.Select(start => start.Latents)]), starts[0].Inpainting);
    }

    /// <summary>Denoise: the loop over the network, until the latents are clean.</summary>
    private Latents Denoise(
        PaintingGroup group, Latents latents, Denoiser.Run run, StageClock clock, ProgressReport report, CancellationToken cancellation)
    {
        var network = clock.Load(() => _controls.Around(_networks.Network, group.Plan.Request));
        clock.Denoise(() => Denoiser.Denoise(network, latents, run, (call, step) => report.Call(call, group.Plan.AllCalls, step), cancellation));
        _networks.NetworkIsDone();
        _controls.IsDone();
        return latents;
    }

    /// <summary>Decode: the latents of one picture to its pixels.</summary>
    private GeneratedImage Decode(PaintingGroup group, Latents latents, int index, int first, StageClock clock, CancellationToken cancellation)
    {
        clock.Load(_networks.Codec.OpenDecoder);
        var one = latents.Extract(index);
        var picture = clock.Decode(() => Upscaled(_networks.Codec.Decode(one, cancellation), group.Plan.Request, cancellation));
        if (index == group.Count - 1)
        {
            _networks.CodecIsDone();
        }

        var (painting, inSeed) = group[index];
        var parameters = _adapters.Describe(PictureParameters.Of(painting, inSeed), painting.Plan.Request);
        return new GeneratedImage(picture, one, first + index, painting.Seed, inSeed, parameters, clock.Timings);
    }

    /// <summary>The four stages, one after the other; pictures are decoded when they are asked for.</summary>
    private IEnumerable<GeneratedImage> Paint(IReadOnlyList<Painting> paintings, ProgressReport report, CancellationToken cancellation)
    {
        var clock = new StageClock();
        T Stage<T>(Func<T> work) => Alone(paintings[0].Plan, work, cancellation);
        var told = Stage(() => Condition(paintings, clock, cancellation));
        for (var done = 0; done < paintings.Count;)
        {
            // What the network is told has one shape in one call, and padding a short text would change its picture.
            var count = told.Skip(done).TakeWhile(told[done].SharesCallsWith).Count();
            var group = new PaintingGroup([.. paintings.Skip(done).Take(count)], [.. told.Skip(done).Take(count)]);
            var here = report with { First = report.First + done };
            var latents = Stage(() =>
            {
                var scheduler = group.Plan.TakeScheduler(group.Count);
                var (start, inpainting) = Start(group, scheduler, clock, cancellation);
                var painted = Denoise(group, start, Denoiser.Run.Of(group, scheduler, inpainting), clock, here, cancellation);
                return group.Plan.SecondPass is null ? painted : Refine(group, painted, clock, here, cancellation);
            });
            for (var i = 0; i < group.Count; i++)
            {
                var index = i;
                yield return Stage(() => Decode(group, latents, index, here.First, clock, cancellation));
            }

            done += count;
        }
    }
}
