using System.Numerics.Tensors;

namespace StableDiffusion;

/// <summary>Where a run starts: drawn noise, given noise, or a picture with noise on it. Random numbers are drawn in diffusers' order.</summary>
/// <param name="painting">The request, checked, and where its random numbers are drawn.</param>
/// <param name="scheduler">Whose first call the latents are for.</param>
/// <param name="codec">Encodes pictures; not used where there are none.</param>
/// <param name="cancellation">Stops the encoder.</param>
internal sealed class StartLatents(Painting painting, IScheduler scheduler, ILatentCodec codec, CancellationToken cancellation)
{
    private readonly GenerationPlan _plan = painting.Plan;
    private readonly Latents _latents = painting.Plan.EmptyLatents();

    /// <summary>Makes the latents of the scheduler's first call [images, channels, height, width], and what inpainting needs later.</summary>
    public (Latents Latents, Inpainting? Inpainting) Create()
    {
        if (_plan.Request.InitImage is { } picture)
        {
            var pixels = ImageProcessor.InitImage(picture, _plan.Width, _plan.Height, _plan.Request.Fit);
            return _plan.Request.Mask is { } mask ? (_latents, Inpaint(pixels, mask)) : (FromPicture(pixels), null);
        }

        if (_plan.Request.Latents is { } given)
        {
            given.Values.CopyTo(_latents.Values, 0);
        }
        else
        {
            DrawNoise();
        }

        TensorPrimitives.Multiply(_latents.Values, scheduler.InitialNoiseSigma, _latents.Values);
        return (_latents, null);
    }

    /// <summary>Covers latents that are known with noise [images, channels, height, width].</summary>
    public Latents CreateFrom(Latents known)
    {
        DrawNoise();
        for (var i = 0; i < _latents.Count; i++)
        {
            scheduler.AddNoise(0, known.Image(i), _latents.Image(i), _latents.Image(i));
        }

        return _latents;
    }

    /// <summary>Image to image: Meng et al. (2021), SDEdit, arXiv 2108.01073. The posterior's noise is drawn first.</summary>
    private Latents FromPicture(float[] pixels)
    {
        var known = Encode(pixels);
        DrawNoise();
        AddNoise(known);
        return _latents;
    }

    /// <summary>Inpainting, in the order of diffusers' StableDiffusionInpaintPipeline and those of SDXL, SD 3 and Flux: picture, noise, masked picture.</summary>
    private Inpainting Inpaint(float[] pixels, RgbImage mask)
    {
        var blends = _plan.Folder.Network.InputChannels == _plan.Folder.LatentChannels;
        var known = blends || _plan.Strength < 1 ? Encode(pixels) : null;
        DrawNoise();
        var startNoise = _latents.Values.ToArray();
        if (_plan.Strength < 1)
        {
            AddNoise(known!);
        }
        else
        {
            TensorPrimitives.Multiply(_latents.Values, scheduler.InitialNoiseSigma, _latents.Values);
        }

        var paint = ImageProcessor.Mask(mask, _plan.Width, _plan.Height, _plan.Request.Fit);
        var masked = Encode(ImageProcessor.MaskedImage(pixels, paint));
        var latentMask = ImageProcessor.LatentMask(paint, _plan.Width, _plan.Height, _plan.LatentWidth, _plan.LatentHeight);
        return new Inpainting(latentMask, masked, blends ? known : null, startNoise);
    }

    private void DrawNoise()
    {
        painting.Noise.Draw(_latents.Values);
        if (painting.VariationSeed is { } seed)
        {
            var other = new float[_latents.Values.Length];
            ImageNoise.Create(_plan.Request.Generator, seed).Draw(other);
            for (var i = 0; i < _latents.Count; i++)
            {
                Variation.Turn(
                    _latents.Image(i), other.AsSpan(i * _latents.ImageLength, _latents.ImageLength), _plan.Request.VariationStrength, _latents.Height, _latents.Width);
            }
        }
    }

    private float[] Encode(float[] pixels) => codec.Encode(pixels, _plan.Height, _plan.Width, painting.Noise, cancellation).Values;

    private void AddNoise(float[] clean)
    {
        for (var i = 0; i < _latents.Count; i++)
        {
            scheduler.AddNoise(0, clean, _latents.Image(i), _latents.Image(i));
        }
    }
}
