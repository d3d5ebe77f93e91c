namespace StableDiffusion;

/// <content>The second pass at a larger size.</content>
public sealed partial class TextToImagePipeline
{
    private readonly Enlarger _enlarger;

    /// <summary>Enlarges what the first pass painted, covers it with noise of the same seeds, and paints over it.</summary>
    private Latents Refine(PaintingGroup first, Latents latents, StageClock clock, ProgressReport report, CancellationToken cancellation)
    {
        var paintings = first.Paintings.Select(painting => new Painting(painting.Plan.SecondPass!, painting.Seed, painting.Run)).ToList();
        var plan = paintings[0].Plan;
        var enlarged = Enumerable.Range(0, first.Count).Select(i => Enlarged(latents.Extract(i), first.Plan.Request.Hires!, plan, clock, cancellation)).ToList();
        _networks.CodecIsDone();

        var group = new PaintingGroup(paintings, Condition(paintings, clock, cancellation));
        var scheduler = plan.TakeScheduler(group.Count);
        var starts = paintings
            .Select((painting, i) => new StartLatents(painting.Plan, scheduler, painting.Noise, _networks.Codec, cancellation, painting.VariationSeed)
                .CreateFrom(Latents.Join(paintings.Count == 1 ? enlarged : [enlarged[i]])))
            .ToList();
        return Denoise(group, Latents.Join(starts), Denoiser.Run.Of(group, scheduler, inpainting: null), clock, report with { Before = first.Plan.Calls }, cancellation);
    }

    private Latents Enlarged(Latents latents, Hires hires, GenerationPlan plan, StageClock clock, CancellationToken cancellation)
    {
        if (hires.Upscaler == Enlarger.Latent)
        {
            return Enlarger.Enlarge(latents, plan.LatentHeight, plan.LatentWidth);
        }

        clock.Load(_networks.Codec.OpenDecoder);
        var picture = clock.Decode(() => _networks.Codec.Decode(latents, cancellation));
        var larger = _enlarger.Enlarge(picture, hires.Upscaler, (plan.Width, plan.Height), cancellation);
        clock.Load(_networks.Codec.OpenEncoder);
        var pixels = ImageProcessor.InitImage(larger, plan.Width, plan.Height);
        return clock.EncodeImage(() => _networks.Codec.Encode(pixels, plan.Height, plan.Width, new NoNoise(), cancellation));
    }

    /// <summary>Enlarges a finished picture where the request asks for it.</summary>
    private RgbImage Upscaled(RgbImage picture, ImageRequest request, CancellationToken cancellation)
    {
        if (request.UpscalerInUse is not { } upscaler)
        {
            return picture;
        }

        (int, int)? size = request.Upscale is { } scale ? ((int)Math.Max(Math.Round(picture.Width * scale), 1), (int)Math.Max(Math.Round(picture.Height * scale), 1)) : null;
        return _enlarger.Enlarge(picture, upscaler, size, cancellation);
    }
}
