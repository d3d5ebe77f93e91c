namespace StableDiffusion;

/// <summary>
/// What inpainting adds to a run. Models made for it (9 channels) are fed mask and masked picture beside the latents; with all others the
/// known part is put back after every step, at the noise level of the next.
/// </summary>
/// <param name="Mask">1 where to paint, 0 where to keep [height, width] of the latents.</param>
/// <param name="MaskedLatents">The picture with the masked part grayed out, encoded [channels, height, width].</param>
/// <param name="KnownLatents">The whole picture, encoded [channels, height, width]; null for models made for inpainting.</param>
/// <param name="StartNoise">The noise of the start [images, channels, height, width].</param>
internal sealed record Inpainting(float[] Mask, float[] MaskedLatents, float[]? KnownLatents, float[] StartNoise)
{
    /// <summary>What is appended to the latents of each image: mask, then masked picture; nothing for models not made for inpainting.</summary>
    public float[] ConcatenatedChannels { get; } = KnownLatents is null ? [.. Mask, .. MaskedLatents] : [];

    /// <summary>Puts the known part back after a step.</summary>
    public void KeepKnown(IScheduler scheduler, int call, Latents latents)
    {
        if (KnownLatents is null)
        {
            return;
        }

        var isLast = call + 1 == scheduler.Timesteps.Count;
        var known = KnownLatents.ToArray();
        for (var image = 0; image < latents.Count; image++)
        {
            var current = latents.Image(image);
            if (!isLast)
            {
                scheduler.AddNoise(call + 1, KnownLatents, StartNoise.AsSpan(image * current.Length, current.Length), known);
            }

            for (var i = 0; i < current.Length; i++)
            {
                var mask = Mask[i % Mask.Length];
                current[i] = ((1 - mask) * known[i]) + (mask * current[i]);
            }
        }
    }
}
