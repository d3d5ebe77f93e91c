namespace StableDiffusion;

/// <summary>
/// A transformer over latents [rows, channels, height, width]: SD 3's, and DiT's, whose further output channels (the learnt variance)
/// are dropped as diffusers' DiTPipeline drops them.
/// </summary>
internal class TransformerNetwork : IDenoisingNetwork
{
    private readonly string _output;

    public TransformerNetwork(ModelFolder folder, NetworkLoader loader)
    {
        Folder = folder;
        Model = loader.Open(folder.Family.NetworkPart);
        Latents = Model.InputNamed("hidden_states");
        Timestep = Model.InputNamed("timestep");
        _output = Model.OutputNamed("out_hidden_states", "out_sample", "sample", "output");
    }

    public string Name => Folder.Family.NetworkPart;

    protected ModelFolder Folder { get; }

    protected OnnxModel Model { get; }

    protected string Latents { get; }

    protected string Timestep { get; }

    /// <summary>What time steps are multiplied with before the network is told.</summary>
    protected virtual float TimestepScale => 1;

    public IDenoisingBatch Prepare(IReadOnlyList<Conditioning> rows, int height, int width)
    {
        var size = Folder.Network.Batch ?? rows.Count;
        var calls = new List<TransformerCall>();
        try
        {
            foreach (var part in rows.Chunk(size))
            {
                calls.Add(PrepareCall([.. part, .. Enumerable.Repeat(part[^1], size - part.Length)], height, width));
            }
        }
        catch
        {
            calls.ForEach(call => call.Dispose());
            throw;
        }

        return new TransformerBatch(Model, _output, calls, size, Arrange(height, width), TimestepScale);
    }

    public void Dispose() => Model.Dispose();

    /// <summary>The shape in which the network takes the latents of all rows.</summary>
    protected virtual long[] ShapeOf(int rows, int height, int width) => [rows, Folder.LatentChannels, height, width];

    /// <summary>Where in that shape the channels stand.</summary>
    protected virtual int ChannelAxis => 1;

    /// <summary>How the latents of one row are laid out for the network.</summary>
    protected virtual LatentArrangement Arrange(int height, int width) => new(Folder.LatentChannels, height, width, packs: false);

    /// <summary>Inputs that are neither latents, time step nor told of a row.</summary>
    protected virtual IEnumerable<OnnxBuffer> Places(Conditioning row, int height, int width) => [];

    private TransformerCall PrepareCall(Conditioning[] rows, int height, int width)
    {
        var inputs = new List<OnnxBuffer>();
        try
        {
            inputs.Add(Model.InputBuffer(Latents, ShapeOf(rows.Length, height, width)));
            var times = Model.Inputs[Timestep].Dimensions;
            inputs.Add(Model.InputBuffer(Timestep, times.Length == 0 ? [] : [rows.Length]));
            inputs.AddRange(rows[0].Inputs.Keys.Where(Model.Inputs.ContainsKey).Select(name => Filled(name, rows)));
            inputs.AddRange(Places(rows[0], height, width));
            var unknown = Model.Inputs.Keys.Except(inputs.Select(input => input.Name)).ToList();
            if (unknown.Count > 0)
            {
                throw new ModelException($"{Model.Path} wants inputs that this program does not give: {string.Join(", ", unknown)}.");
            }

            return new TransformerCall(inputs) { Bound = Bind(inputs, ShapeOf(rows.Length, height, width)) };
        }
        catch
        {
            inputs.ForEach(input => input.Dispose());
            throw;
        }
    }

    /// <summary>The inputs with an output of the latents' shape, but for channels of its own where the export has such; null where nothing is bound.</summary>
    private BoundTransformer? Bind(List<OnnxBuffer> inputs, long[] shape)
    {
        if (!Model.Binds)
        {
            return null;
        }

        var says = Model.Outputs[_output].Dimensions;
        var output = Model.OutputBuffer(_output, [.. shape.Select((size, axis) => axis == ChannelAxis && axis < says.Length && says[axis] > 0 ? says[axis] : size)]);
        try
        {
            return new BoundTransformer(Model.Bind(inputs.Skip(2), inputs[..2], output)!, output);
        }
        catch
        {
            output.Dispose();
            throw;
        }
    }

    private OnnxBuffer Filled(string name, Conditioning[] rows)
    {
        var buffer = Model.InputBuffer(name, [rows.Length, .. rows[0].Inputs[name].Shape]);
        for (var row = 0; row < rows.Length; row++)
        {
            var values = rows[row].Inputs[name].Values;
            values.CopyTo(buffer.Floats[(row * values.Length)..]);
        }

        buffer.Upload();
        return buffer;
    }
}

/// <summary>Flux's transformer: latents packed two by two, the places of patches and words beside them, time steps from 0 to 1.</summary>
internal sealed class PackedTransformerNetwork(ModelFolder folder, NetworkLoader loader) : TransformerNetwork(folder, loader)
{
    protected override float TimestepScale => 1f / 1000;

    protected override long[] ShapeOf(int rows, int height, int width) => [rows, height / 2 * (width / 2), Folder.LatentChannels * 4];

    protected override int ChannelAxis => 2;

    protected override LatentArrangement Arrange(int height, int width) => new(Folder.LatentChannels, height, width, packs: true);

    /// <summary>Of each patch (0, row, column), of each word (0, 0, 0); exported with or without an axis for the batch.</summary>
    protected override IEnumerable<OnnxBuffer> Places(Conditioning row, int height, int width)
    {
        var patches = Ids("img_ids", height / 2 * (width / 2));
        for (var patch = 0; patch < height / 2 * (width / 2); patch++)
        {
            patches.Floats[(3 * patch) + 1] = patch / (width / 2);
            patches.Floats[(3 * patch) + 2] = patch % (width / 2);
        }

        patches.Upload();
        return [patches, Ids("txt_ids", row.Inputs[Conditioning.Text].Shape[0])];
    }

    private OnnxBuffer Ids(string name, int count) =>
        Model.Inputs[Model.InputNamed(name)].Dimensions.Length == 3 ? Model.InputBuffer(name, 1, count, 3) : Model.InputBuffer(name, count, 3);
}

/// <summary>How the latents [channels, height, width] of one row are laid out: as they are, or in patches of two by two (FluxPipeline's <c>_pack_latents</c>).</summary>
internal sealed class LatentArrangement(int channels, int height, int width, bool packs)
{
    public int Length => channels * height * width;

    public void Pack(ReadOnlySpan<float> latents, Span<float> packed)
    {
        if (!packs)
        {
            latents.CopyTo(packed);
            return;
        }

        for (var i = 0; i < latents.Length; i++)
        {
            packed[PackedPlace(i)] = latents[i];
        }
    }

    /// <summary>Undoes <see cref="Pack"/>; channels beyond those of the latents are dropped.</summary>
    public void Unpack(ReadOnlySpan<float> packed, Span<float> latents)
    {
        if (!packs)
        {
            packed[..latents.Length].CopyTo(latents);
            return;
        }

        for (var i = 0; i < latents.Length; i++)
        {
            latents[i] = packed[PackedPlace(i)];
        }
    }

    private int PackedPlace(int place)
    {
        var (channel, y, x) = (place / (height * width), place / width % height, place % width);
        var patch = (y / 2 * (width / 2)) + (x / 2);
        return (patch * channels * 4) + (channel * 4) + (y % 2 * 2) + (x % 2);
    }
}
