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
    private readonly SharedCalls _sharedCalls = new();
    private readonly OneAtATime _gate = new(typeof(TextToImagePipeline));

    /// <summary>Condition: what the network is told, for each painting.</summary>
    private IReadOnlyList<GuidedConditioning> Condition(IReadOnlyList<Painting> paintings, Watch watch)
    {
        var conditioner = watch.Clock.Load(() => _networks.Conditioner);
        var told = watch.Clock.EncodeTexts(() => conditioner.Encode([.. paintings.Select(painting => painting.Plan)], watch.Cancellation));
        _networks.ConditionerIsDone();
        return told;
    }

    /// <summary>Start: noise, or a picture with noise on it.</summary>
    private (Latents Latents, Inpainting? Inpainting) Start(PaintingGroup group, IScheduler scheduler, Watch watch)
    {
        if (group.Plan.Request.InitImage is not null)
        {
            watch.Clock.Load(_networks.Codec.OpenEncoder);
        }

        List<(Latents Latents, Inpainting? Inpainting)> Create() =>
            [.. group.Paintings.Select(painting => new StartLatents(painting, scheduler, _networks.Codec, watch.Cancellation).Create())];
        var starts = group.Plan.Request.InitImage is null ? Create() : watch.Clock.EncodeImage(Create);
        _networks.CodecIsDone();
        return (Latents.Join([.. starts.Select(start => start.Latents)]), starts[0].Inpainting);
    }

    /// <summary>Denoise: the loop over the network, until the latents are clean.</summary>
    private Latents Denoise(PaintingGroup group, Latents latents, DenoisingRun run, Watch watch)
    {
        var network = watch.Clock.Load(() => _controls.Around(_networks.Network, group.Plan.Request));
        watch.Clock.Denoise(() => Denoiser.Denoise(
            network, latents, run, (call, step) => watch.Report.Call(call, group.Plan.AllCalls, step), watch.Cancellation));
        _networks.NetworkIsDone();
        _controls.IsDone();
        return latents;
    }

    /// <summary>Whether the network says of several pictures in one call what it says of each alone.</summary>
    private bool SameAsAlone(PaintingGroup group, Watch watch)
    {
        var network = watch.Clock.Load(() => _networks.Network);
        return _sharedCalls.AreExact(network, group, watch.Cancellation)
            && (group.Plan.SecondPass is null || _sharedCalls.AreExact(network, group.SecondPass(), watch.Cancellation));
    }

    /// <summary>Decode: the latents of one picture to its pixels.</summary>
    private GeneratedImage Decode(PaintingGroup group, Latents latents, int index, Watch watch)
    {
        watch.Clock.Load(_networks.Codec.OpenDecoder);
        var one = latents.Extract(index);
        var picture = watch.Clock.Decode(() => Upscaled(_networks.Codec.Decode(one, watch.Cancellation), group.Plan.Request, watch.Cancellation));
        if (index == group.Count - 1)
        {
            _networks.CodecIsDone();
        }

        var (painting, inSeed) = group[index];
        var parameters = _adapters.Describe(PictureParameters.Of(painting, inSeed, Precision), painting.Plan.Request);
        return new GeneratedImage(picture, one, watch.Report.First + index, painting.Seed, inSeed, parameters, watch.Clock.Timings) { RequestsTogether = group.Paintings.Count };
    }

    /// <summary>The four stages, one after the other; pictures are decoded when they are asked for.</summary>
    /// <param name="paintings">What to paint, in the same calls of the network where the texts have one shape.</param>
    /// <param name="exact">Whether to paint each alone where the network would say anything else of several.</param>
    /// <param name="report">Told after each call.</param>
    /// <param name="cancellation">Stops between calls, and within them.</param>
    private IEnumerable<GeneratedImage> Paint(
        IReadOnlyList<Painting> paintings, bool exact, ProgressReport report, CancellationToken cancellation)
    {
        var watch = new Watch(new StageClock(), report, cancellation);
        T Stage<T>(Func<T> work) => Alone(paintings[0].Plan, work, cancellation);
        var told = Stage(() => Condition(paintings, watch));
        for (var done = 0; done < paintings.Count;)
        {
            // What the network is told has one shape in one call, and padding a short text would change its picture.
            var group = Group(told.Skip(done).TakeWhile(told[done].SharesCallsWith).Count());
            if (exact && group.Paintings.Count > 1 && !Stage(() => SameAsAlone(group, watch)))
            {
                group = Group(1);
            }

            var here = watch with { Clock = new StageClock(watch.Clock.Timings), Report = report with { First = report.First + done } };
            var latents = Stage(() =>
            {
                var scheduler = group.Plan.TakeScheduler(group.Count);
                var (start, inpainting) = Start(group, scheduler, here);
                var painted = Denoise(group, start, DenoisingRun.Of(group, scheduler, inpainting), here);
                return group.Plan.SecondPass is null ? painted : Refine(group, painted, here);
            });
            for (var i = 0; i < group.Count; i++)
            {
                var index = i;
                yield return Stage(() => Decode(group, latents, index, here));
            }

            done += group.Paintings.Count;

            PaintingGroup Group(int count) => new([.. paintings.Skip(done).Take(count)], [.. told.Skip(done).Take(count)]);
        }
    }

    /// <summary>Who looks on while pictures are painted: the clock, who asked for progress, and who may stop it.</summary>
    private sealed record Watch(StageClock Clock, ProgressReport Report, CancellationToken Cancellation);
}
