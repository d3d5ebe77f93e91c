using System.Numerics.Tensors;

namespace StableDiffusion;

/// <summary>Where a run starts: drawn noise, given noise, or a picture with noise on it. Random numbers are drawn in diffusers' order.</summary>
internal static class StartLatents
{
    /// <summary>Makes the latents of the scheduler's first call [images, channels, height, width], and what inpainting needs later.</summary>
    public static (Latents Latents, Inpainting? Inpainting) Create(
        GenerationPlan plan,
        ModelFolder folder,
        IScheduler scheduler,
        INoiseSource noise,
        LatentEncoder? encoder,
        CancellationToken cancellation)
    {
        var latents = new Latents(
            new float[plan.ImageCount * folder.LatentChannels * plan.LatentHeight * plan.LatentWidth],
            plan.ImageCount,
            folder.LatentChannels,
            plan.LatentHeight,
            plan.LatentWidth);
        if (plan.Request.InitImage is { } picture)
        {
            var pixels = ImageProcessor.InitImage(picture, plan.Width, plan.Height, plan.Request.Fit);
            return plan.Request.Mask is { } mask
                ? (latents, Inpaint(latents, pixels, mask, plan, folder, scheduler, noise, encoder!, cancellation))
                : (FromPicture(latents, pixels, plan, scheduler, noise, encoder!, cancellation), null);
        }

        if (plan.Request.Latents is { } given)
        {
            given.Values.CopyTo(latents.Values, 0);
        }
        else
        {
            noise.Draw(latents.Values);
        }

        TensorPrimitives.Multiply(latents.Values, scheduler.InitialNoiseSigma, latents.Values);
        return (latents, null);
    }

    /// <summary>Image to image: Meng et al. (2021), SDEdit, arXiv 2108.01073. The posterior's noise is drawn first.</summary>
    private static Latents FromPicture(
        Latents latents,
        float[] pixels,
        GenerationPlan plan,
        IScheduler scheduler,
        INoiseSource noise,
        LatentEncoder encoder,
        CancellationToken cancellation)
    {
        var known = encoder.Encode(pixels, plan.Height, plan.Width, noise, cancellation);
        noise.Draw(latents.Values);
        AddNoise(scheduler, known.Values, latents);
        return latents;
    }

    /// <summary>Inpainting, in the order of diffusers' StableDiffusionInpaintPipeline: picture, noise, masked picture.</summary>
    private static Inpainting Inpaint(
        Latents latents,
        float[] pixels,
        RgbImage mask,
        GenerationPlan plan,
        ModelFolder folder,
        IScheduler scheduler,
        INoiseSource noise,
        LatentEncoder encoder,
        CancellationToken cancellation)
    {
        var blends = folder.UNet.InputChannels == folder.LatentChannels;
        var known = blends || plan.Strength < 1 ? encoder.Encode(pixels, plan.Height, plan.Width, noise, cancellation) : null;
        noise.Draw(latents.Values);
        var startNoise = latents.Values.ToArray();
        if (plan.Strength < 1)
        {
            AddNoise(scheduler, known!.Values, latents);
        }
        else
        {
            TensorPrimitives.Multiply(latents.Values, scheduler.InitialNoiseSigma, latents.Values);
        }

        var paint = ImageProcessor.Mask(mask, plan.Width, plan.Height, plan.Request.Fit);
        var masked = encoder.Encode(ImageProcessor.MaskedImage(pixels, paint), plan.Height, plan.Width, noise, cancellation);
        var latentMask = ImageProcessor.LatentMask(paint, plan.Width, plan.Height, plan.LatentWidth, plan.LatentHeight);
        return new Inpainting(latentMask, masked.Values, blends ? known!.Values : null, startNoise);
    }

    private static void AddNoise(IScheduler scheduler, float[] clean, Latents latents)
    {
        for (var i = 0; i < latents.Count; i++)
        {
            scheduler.AddNoise(0, clean, latents.Image(i), latents.Image(i));
        }
    }
}
