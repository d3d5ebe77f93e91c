namespace StableDiffusion;

/// <summary>A UNet whose cross attention can be read.</summary>
internal sealed class AttentionProbe : IDisposable
{
    private readonly UNetNetwork _network;
    private readonly IReadOnlyList<string> _outputs;
    private readonly Conditioning _told;
    private readonly CancellationToken _cancellation;

    private AttentionProbe(UNetNetwork network, IReadOnlyList<string> outputs, Conditioning told, CancellationToken cancellation)
    {
        _network = network;
        _outputs = outputs;
        _told = told;
        _cancellation = cancellation;
    }

    public static AttentionProbe? Open(ModelFolder folder, NetworkLoader loader, Conditioning told, CancellationToken cancellation)
    {
        if (folder.Family.NetworkPart != "unet" || !told.Inputs.ContainsKey(Conditioning.Text))
        {
            return null;
        }

        var edit = new AttentionMapsEdit();
        var network = new UNetNetwork(folder, loader, edit);
        if (edit.Outputs.Count > 0)
        {
            return new AttentionProbe(network, edit.Outputs, told, cancellation);
        }

        network.Dispose();
        return null;
    }

    /// <summary>The attention of one call, layer by layer, for the prompt.</summary>
    /// <param name="latents">What the network is given [1, channels, height, width].</param>
    /// <param name="timestep">The time step, in training steps.</param>
    public IReadOnlyList<AttentionLayer> Look(Latents latents, float timestep)
    {
        using var batch = _network.Prepare([_told], latents.Height, latents.Width);
        latents.Values.CopyTo(batch.Input(0));
        var maps = ((UNetBatch)batch).Run(new DenoisingCall(0, 1, timestep), _outputs, _cancellation);
        return [.. maps.Select(map => AttentionLayer.Of(map.Values, map.Shape, latents.Height, latents.Width))];
    }

    public void Dispose() => _network.Dispose();
}

/// <summary>The cross attention of one layer in one call.</summary>
/// <param name="Values">Probabilities [heads, height, width, tokens], row-major.</param>
/// <param name="Heads">Attention heads.</param>
/// <param name="Height">Rows of the layer's grid.</param>
/// <param name="Width">Columns of the layer's grid.</param>
/// <param name="Tokens">Tokens of the text.</param>
internal sealed record AttentionLayer(float[] Values, int Heads, int Height, int Width, int Tokens)
{
    /// <summary>Reads an output [1, heads, places, tokens] or [heads, places, tokens] of a network run on latents of a size.</summary>
    public static AttentionLayer Of(float[] values, long[] shape, int latentHeight, int latentWidth)
    {
        var (places, tokens) = ((int)shape[^2], (int)shape[^1]);
        var factor = (int)Math.Round(Math.Sqrt((double)latentHeight * latentWidth / places));
        var (height, width) = ((latentHeight + factor - 1) / factor, (latentWidth + factor - 1) / factor);
        var heads = values.Length / (places * tokens);
        return new AttentionLayer(values, heads, height, width, tokens);
    }

    /// <summary>The map of one token and head [height, width].</summary>
    public float[] Map(int head, int token)
    {
        var map = new float[Height * Width];
        for (var place = 0; place < map.Length; place++)
        {
            map[place] = Values[((((head * Height * Width) + place) * Tokens)) + token];
        }

        return map;
    }
}
