namespace StableDiffusion;

/// <summary>The UNet: latents, time step and texts in, predicted noise out (or velocity, or picture: the scheduler knows).</summary>
internal sealed class UNet : IDisposable
{
    private readonly OnnxModel _model;
    private readonly ModelFolder _folder;
    private readonly string _sample;
    private readonly string _timestep;
    private readonly string _states;
    private readonly string _output;

    public UNet(ModelFolder folder, OnnxRuntimeHost host)
    {
        _folder = folder;
        _model = OnnxModel.Open(folder.NetworkOf("unet"), host);
        _sample = _model.InputNamed("sample");
        _timestep = _model.InputNamed("timestep");
        _states = _model.InputNamed("encoder_hidden_states");
        _output = _model.OutputNamed("out_sample", "latent", "sample");
    }

    /// <summary>Sets up all buffers for calls with these texts, one row each, which stay the same from step to step.</summary>
    /// <param name="rows">The text of each row; all of the same length.</param>
    /// <param name="height">Latent height.</param>
    /// <param name="width">Latent width.</param>
    /// <param name="timeIds">SDXL: original height and width, crop top and left, target height and width.</param>
    /// <param name="guidanceEmbedding">Latent consistency models: the embedding of the guidance scale.</param>
    public UNetBatch Prepare(IReadOnlyList<Conditioning> rows, int height, int width, float[] timeIds, float[]? guidanceEmbedding)
    {
        var size = _folder.UNet.Batch ?? rows.Count;
        var calls = rows.Chunk(size).Select(part => PrepareCall(part, size, height, width, timeIds, guidanceEmbedding));
        return new UNetBatch(_model, [.. calls], rows.Count);
    }

    public void Dispose() => _model.Dispose();

    private UNetCall PrepareCall(
        Conditioning[] texts, int size, int height, int width, float[] timeIds, float[]? guidanceEmbedding)
    {
        // An export of fixed batch gets its missing rows filled with copies of the last one.
        Conditioning Row(int i) => texts[Math.Min(i, texts.Length - 1)];
        var first = texts[0];
        var sample = _model.InputBuffer(_sample, size, _folder.UNet.InputChannels, height, width);
        var timestepRank = _model.Inputs[_timestep].Dimensions;
        var timestep = _model.InputBuffer(_timestep, timestepRank.Length == 0 ? [] : [timestepRank[0] > 0 ? timestepRank[0] : TimestepRows(size)]);
        var states = _model.InputBuffer(_states, size, first.Tokens, first.Width);
        Fill(states, size, i => Row(i).Embeddings);
        List<OnnxBuffer> inputs = [sample, timestep, states];

        if (_model.Inputs.ContainsKey("text_embeds"))
        {
            var pooledWidth = first.Pooled?.Length
                ?? throw new ModelException($"{_model.Path} wants text_embeds, but no text encoder of {_folder.Path} gives them.");
            inputs.Add(Filled("text_embeds", size, pooledWidth, i => Row(i).Pooled!));
        }

        if (_folder.UNet.WantsTimeIds)
        {
            inputs.Add(Filled("time_ids", size, timeIds.Length, _ => timeIds));
        }

        if (_folder.UNet.WantsGuidanceEmbedding)
        {
            inputs.Add(Filled("timestep_cond", size, guidanceEmbedding!.Length, _ => guidanceEmbedding));
        }

        var unknown = _model.Inputs.Keys.Except(inputs.Select(input => input.Name)).ToList();
        if (unknown.Count > 0)
        {
            throw new ModelException($"{_model.Path} wants inputs that this program does not give: {string.Join(", ", unknown)}.");
        }

        return new UNetCall(inputs, sample, timestep, _model.OutputBuffer(_output, size, _folder.LatentChannels, height, width), texts.Length);
    }

    /// <summary>Exports with a symbolic time step axis take one step for all rows when it is not the batch axis.</summary>
    private int TimestepRows(int size) =>
        _model.Inputs[_timestep].SymbolicDimensions is [var name] && name == _model.Inputs[_sample].SymbolicDimensions[0] ? size : 1;

    private OnnxBuffer Filled(string name, int rows, int width, Func<int, float[]> row)
    {
        var buffer = _model.InputBuffer(name, rows, width);
        Fill(buffer, rows, row);
        return buffer;
    }

    private static void Fill(OnnxBuffer buffer, int rows, Func<int, float[]> row)
    {
        var each = buffer.Floats.Length / rows;
        for (var i = 0; i < rows; i++)
        {
            row(i).CopyTo(buffer.Floats[(i * each)..]);
        }

        buffer.Upload();
    }
}
