namespace StableDiffusion;

/// <summary>What a UNet's graph insists on, read without opening it. Null where any size will do.</summary>
/// <param name="Batch">Rows of one call.</param>
/// <param name="InputChannels">Channels: those of the latents, or 9 with mask and masked picture for inpainting models.</param>
/// <param name="Height">Height in latents.</param>
/// <param name="Width">Width in latents.</param>
/// <param name="Tokens">Length of the text.</param>
/// <param name="WantsTimeIds">Whether it wants SDXL's sizes.</param>
/// <param name="WantsWholeTimesteps">Whether it takes time steps as integers.</param>
/// <param name="WantsGuidanceEmbedding">Whether it wants the guidance scale as an input (latent consistency models).</param>
internal sealed record UNetSignature(
    int? Batch, int InputChannels, int? Height, int? Width, int? Tokens, bool WantsTimeIds, bool WantsWholeTimesteps, bool WantsGuidanceEmbedding)
{
    /// <summary>Reads the inputs of <c>unet/model.onnx</c>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="channels">Channels where the graph leaves them open.</param>
    public static UNetSignature Read(string path, int channels)
    {
        var inputs = OnnxGraph.Load(path).Inputs.ToDictionary(input => input.Name);
        int? Size(string input, int axis) =>
            inputs.GetValueOrDefault(input)?.Shape is { } shape && axis < shape.Count ? checked((int?)shape[axis]) : null;
        return new UNetSignature(
            Size("sample", 0),
            Size("sample", 1) ?? channels,
            Size("sample", 2),
            Size("sample", 3),
            Size("encoder_hidden_states", 1),
            inputs.ContainsKey("time_ids"),
            inputs.GetValueOrDefault("timestep")?.ElementType is OnnxElementType.Int64 or OnnxElementType.Int32,
            inputs.ContainsKey("timestep_cond"));
    }
}
