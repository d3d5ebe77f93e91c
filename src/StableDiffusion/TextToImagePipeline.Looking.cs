namespace StableDiffusion;

/// <summary>What those ask for who watch a picture form.</summary>
public sealed partial class TextToImagePipeline
{
    /// <summary>Decodes one image's latents as the pictures of the last request were; not from within a report.</summary>
    internal RgbImage Decode(Latents latents, CancellationToken cancellation) => _gate.Do(
        () =>
        {
            var picture = _networks.Codec.Decode(latents, cancellation);
            _networks.CodecIsDone();
            return picture;
        },
        cancellation);

    /// <summary>Fits a linear map from latents to colours to this model's decoder; it costs one small picture.</summary>
    internal LatentColours FitColours(ImageRequest request, CancellationToken cancellation)
    {
        const int Enough = 32;
        var plan = PlanOf(request, warns: false);
        var decoder = Folder.Graphs.Of(Folder.NetworkOf("vae_decoder"));
        var isFree = decoder.Inputs.All(input => input.Shape is not [_, _, { }, _] and not [_, _, _, { }]);
        var sample = LatentColours.Sample(
            Folder.LatentChannels, isFree ? Math.Min(Enough, plan.LatentHeight) : plan.LatentHeight, isFree ? Math.Min(Enough, plan.LatentWidth) : plan.LatentWidth);
        var colours = new LatentColours(Folder.LatentChannels);
        colours.Add(sample, Alone(plan, () => _networks.Codec.Decode(sample, cancellation), cancellation));
        return colours;
    }
}
