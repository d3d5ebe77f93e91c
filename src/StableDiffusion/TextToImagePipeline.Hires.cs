namespace StableDiffusion;

/// <content>The second pass at a larger size.</content>
public sealed partial class TextToImagePipeline
{
    private readonly Enlarger _enlarger;

    /// <summary>Enlarges what the first pass painted, covers it with noise of the same seeds, and paints over it.</summary>
    private Latents Refine(PaintingGroup first, Latents latents, Watch watch)
    {
        var paintings = first.SecondPass().Paintings;
        var plan = paintings[0].Plan;
        var enlarged = Enumerable.Range(0, first.Count).Select(i => Enlarged(latents.Extract(i), first.Plan.Request, plan, watch)).ToList();
        _networks.CodecIsDone();

        var group = new PaintingGroup(paintings, Condition(paintings, watch));
        var scheduler = plan.TakeScheduler(group.Count);
        var starts = paintings
            .Select((painting, i) => new StartLatents(painting, scheduler, _networks.Codec, watch.Cancellation)
                .CreateFrom(Latents.Join(paintings.Count == 1 ? enlarged : [enlarged[i]])))
            .ToList();
        return Denoise(
            group,
            Latents.Join(starts),
            DenoisingRun.Of(group, scheduler, inpainting: null),
            watch with { Report = watch.Report with { Before = first.Plan.Calls } });
    }

    private Latents Enlarged(Latents latents, ImageRequest request, GenerationPlan plan, Watch watch)
    {
        var hires = request.Hires!;
        if (hires.Upscaler == Enlarger.Latent)
        {
            return Enlarger.Enlarge(latents, plan.LatentHeight, plan.LatentWidth);
        }

        watch.Clock.Load(_networks.Codec.OpenDecoder);
        var picture = watch.Clock.EncodeImage(() => _networks.Codec.Decode(latents, watch.Cancellation));
        var larger = _enlarger.Enlarge(picture, hires.Upscaler, (plan.Width, plan.Height), request.Seamless, watch.Cancellation);
        watch.Clock.Load(_networks.Codec.OpenEncoder);
        var pixels = ImageProcessor.InitImage(larger, plan.Width, plan.Height);
        return watch.Clock.EncodeImage(() => _networks.Codec.Encode(pixels, plan.Height, plan.Width, new NoNoise(), watch.Cancellation));
    }

    /// <summary>Enlarges a finished picture where the request asks for it.</summary>
    private RgbImage Upscaled(RgbImage picture, ImageRequest request, CancellationToken cancellation)
    {
        if (request.UpscalerInUse is not { } upscaler)
        {
            return picture;
        }

        (int, int)? size = request.Upscale is { } scale ? ((int)Math.Max(Math.Round(picture.Width * scale), 1), (int)Math.Max(Math.Round(picture.Height * scale), 1)) : null;
        return _enlarger.Enlarge(picture, upscaler, size, request.Seamless, cancellation);
    }
}
