namespace StableDiffusion;

/// <summary>The UNet: latents, time step and texts in, predicted noise out (or velocity, or picture: the scheduler knows).</summary>
internal sealed class UNetNetwork : IDenoisingNetwork
{
    private readonly OnnxModel _model;
    private readonly OnnxModel? _shallow;
    private readonly ModelFolder _folder;
    private readonly string _sample;
    private readonly string _timestep;
    private readonly string _output;
    private readonly string[] _residuals;
    private readonly UNetShape? _shape;

    public UNetNetwork(ModelFolder folder, NetworkLoader loader, params ReadOnlySpan<IGraphEdit> edits)
    {
        _folder = folder;
        _model = loader.Open("unet", edits);
        _shallow = loader.Edits.OfType<DeepCacheEdit>().LastOrDefault() is { } cache ? OpenShallow(loader, cache.Branch) : null;
        _sample = _model.InputNamed("sample");
        _timestep = _model.InputNamed("timestep");
        _output = _model.OutputNamed("out_sample", "latent", "sample");
        var down = Enumerable.Range(0, _model.Inputs.Count).Select(ControlInputsEdit.Down).TakeWhile(_model.Inputs.ContainsKey);
        _residuals = _model.Inputs.ContainsKey(ControlInputsEdit.Middle) ? [.. down, ControlInputsEdit.Middle] : [];
        _shape = _residuals.Length > 0 ? UNetShape.Read(JsonFile.ReadIfExists(folder.Combine("unet", "config.json"))) : null;
    }

    public string Name => "unet";

    public IDenoisingBatch Prepare(IReadOnlyList<Conditioning> rows, int height, int width)
    {
        var size = _folder.Network.Batch ?? rows.Count;
        var calls = new List<UNetCall>();
        try
        {
            foreach (var part in rows.Chunk(size))
            {
                calls.Add(PrepareCall(part, size, height, width));
            }

            return new UNetBatch(_model, _shallow, calls, rows.Count);
        }
        catch
        {
            calls.ForEach(call => call.Dispose());
            throw;
        }
    }

    public void Dispose()
    {
        _model.Dispose();
        _shallow?.Dispose();
    }

    private OnnxModel OpenShallow(NetworkLoader loader, int branch)
    {
        try
        {
            return loader.Open("unet", new ShallowEdit(branch));
        }
        catch
        {
            _model.Dispose();
            throw;
        }
    }

    private UNetCall PrepareCall(Conditioning[] rows, int size, int height, int width)
    {
        var made = new List<OnnxBuffer>();
        try
        {
            return PrepareCall(rows, size, height, width, made);
        }
        catch
        {
            made.ForEach(buffer => buffer.Dispose());
            throw;
        }
    }

    /// <summary>The same, where <paramref name="made"/> learns of each buffer as soon as there is one.</summary>
    private UNetCall PrepareCall(Conditioning[] rows, int size, int height, int width, List<OnnxBuffer> made)
    {
        OnnxBuffer Made(OnnxBuffer buffer)
        {
            made.Add(buffer);
            return buffer;
        }

        var sample = Made(_model.InputBuffer(_sample, size, _folder.Network.InputChannels, height, width));
        var timestepRank = _model.Inputs[_timestep].Dimensions;
        var timestep = Made(_model.InputBuffer(_timestep, timestepRank.Length == 0 ? [] : [timestepRank[0] > 0 ? timestepRank[0] : TimestepRows(size)]));
        var residuals = PrepareResiduals(size, height, width, Made);
        List<OnnxBuffer> inputs =
        [
            sample,
            timestep,
            .. residuals,
            .. rows[0].Inputs.Keys.Where(_model.Inputs.ContainsKey).Select(name => Filled(name, rows, size, Made)),
        ];
        var unknown = _model.Inputs.Keys.Except(inputs.Select(input => input.Name)).ToList();
        if (unknown.Count > 0)
        {
            throw new ModelException($"{_model.Path} wants inputs that this program does not give: {string.Join(", ", unknown)}.");
        }

        var output = Made(_model.OutputBuffer(_output, size, _folder.LatentChannels, height, width));
        List<OnnxBuffer> changing = [sample, timestep, .. residuals];
        return new UNetCall(inputs, sample, timestep, output, residuals, rows.Length) { Binding = _shallow is null ? _model.Bind(inputs.Except(changing), changing, output) : null };
    }

    /// <summary>Buffers of zeros for what control networks may add.</summary>
    private List<OnnxBuffer> PrepareResiduals(int size, int height, int width, Func<OnnxBuffer, OnnxBuffer> made)
    {
        if (_residuals.Length == 0)
        {
            return [];
        }

        var shapes = _shape is null ? [] : ResidualShapes.Of(_shape, height, width);
        return shapes.Count == _residuals.Length
            ? [.. _residuals.Zip(shapes, (name, shape) => made(_model.InputBuffer(name, [size, .. shape])))]
            : throw new ModelException($"{_model.Path} takes {_residuals.Length} residuals for control, which do not fit the blocks in its config.json.");
    }

    /// <summary>Exports with a symbolic time step axis take one step for all rows when it is not the batch axis.</summary>
    private int TimestepRows(int size) =>
        _model.Inputs[_timestep].SymbolicDimensions is [var name] && name == _model.Inputs[_sample].SymbolicDimensions[0] ? size : 1;

    /// <summary>What all rows are told under one name; an export of fixed batch gets its missing rows filled with copies of the last one.</summary>
    private OnnxBuffer Filled(string name, Conditioning[] rows, int size, Func<OnnxBuffer, OnnxBuffer> made)
    {
        var buffer = made(_model.InputBuffer(name, [size, .. rows[0].Inputs[name].Shape]));
        var each = buffer.Floats.Length / size;
        for (var i = 0; i < size; i++)
        {
            rows[Math.Min(i, rows.Length - 1)].Inputs[name].Values.CopyTo(buffer.Floats[(i * each)..]);
        }

        buffer.Upload();
        return buffer;
    }
}
