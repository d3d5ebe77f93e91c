namespace StableDiffusion;

/// <summary>A control network: what it sees in a picture, and makes of the latents, is added inside the UNet.</summary>
internal sealed class ControlNetwork : IDisposable
{
    private const string Picture = "controlnet_cond";
    private const string Scale = "conditioning_scale";

    private readonly OnnxModel _model;
    private readonly string[] _outputs;

    /// <param name="model">The network, open; it becomes this one's.</param>
    /// <param name="isPooled">Whether it gives one value for each channel: diffusers' <c>global_pool_conditions</c>, as ControlNet 1.1 Shuffle has it.</param>
    public ControlNetwork(OnnxModel model, bool isPooled)
    {
        (_model, IsPooled) = (model, isPooled);
        foreach (var name in (string[])["sample", "timestep", Conditioning.Text, Picture])
        {
            _model.InputNamed(name);
        }

        // Skip connections in their order, the middle last.
        var middle = _model.Outputs.Keys.Where(name => name.Contains("mid", StringComparison.Ordinal)).ToList();
        _outputs = [.. _model.Outputs.Keys.Except(middle), .. middle];
    }

    /// <summary>Whether it says the same of every place; such a network is never shown the rows that lead away.</summary>
    public bool IsPooled { get; }

    /// <summary>Sets up all buffers for calls with these rows.</summary>
    /// <param name="rows">What each row is told.</param>
    /// <param name="height">Latent height.</param>
    /// <param name="width">Latent width.</param>
    /// <param name="picture">What it is shown, 0 to 1, and its size.</param>
    /// <param name="strength">By how much its results are multiplied.</param>
    public Batch Prepare(IReadOnlyList<Conditioning> rows, int height, int width, (float[] Pixels, int Height, int Width) picture, float strength)
    {
        var sample = _model.Inputs["sample"];
        var size = sample.Dimensions[0] > 0 ? sample.Dimensions[0] : rows.Count;
        var channels = sample.Dimensions[1] > 0 ? sample.Dimensions[1] : 4;
        var calls = rows.Chunk(size).Select(part => PrepareCall(part, size, [channels, height, width], picture, strength));
        return new Batch(this, [.. calls], size, _model.Inputs.ContainsKey(Scale) ? 1 : strength);
    }

    public void Dispose() => _model.Dispose();

    private Call PrepareCall(Conditioning[] rows, int size, int[] latents, (float[] Pixels, int Height, int Width) picture, float strength)
    {
        var inputs = new List<OnnxBuffer>();
        foreach (var (name, metadata) in _model.Inputs)
        {
            var rank = metadata.Dimensions.Length;
            inputs.Add(name switch
            {
                "sample" => _model.InputBuffer(name, [size, .. latents]),
                "timestep" => _model.InputBuffer(name, rank == 0 ? [] : [metadata.Dimensions[0] > 0 ? metadata.Dimensions[0] : TimestepRows(size)]),
                Picture => Filled(_model.InputBuffer(name, size, 3, picture.Height, picture.Width), size, _ => picture.Pixels),
                Scale => Filled(_model.InputBuffer(name, rank == 0 ? [] : [1]), 1, _ => [strength]),
                _ when rows[0].Inputs.TryGetValue(name, out var told) =>
                    Filled(_model.InputBuffer(name, [size, .. Fitting(name, metadata.Dimensions[^1], told.Shape)]), size, row => rows[Math.Min(row, rows.Length - 1)].Inputs[name].Values),
                _ => throw new ModelException($"{_model.Path} wants an input that this model does not give, {name}: it is made for another family of models."),
            });
        }

        return new Call(inputs, inputs.Single(input => input.Name == "sample"), inputs.Single(input => input.Name == "timestep"));
    }

    /// <summary>The shape of what a row is told, of the width that the network takes; an open one is not above 0.</summary>
    private int[] Fitting(string name, int width, int[] shape) => width <= 0 || width == shape[^1]
        ? shape
        : throw new ModelException($"{_model.Path} is made for another family of models: its {name} is {width} numbers wide, and this model's {shape[^1]}.");

    private int TimestepRows(int size) =>
        _model.Inputs["timestep"].SymbolicDimensions is [var name] && name == _model.Inputs["sample"].SymbolicDimensions[0] ? size : 1;

    private static OnnxBuffer Filled(OnnxBuffer buffer, int rows, Func<int, float[]> row)
    {
        var each = buffer.Floats.Length / rows;
        for (var i = 0; i < rows; i++)
        {
            row(i).CopyTo(buffer.Floats[(i * each)..]);
        }

        buffer.Upload();
        return buffer;
    }

    /// <summary>The buffers of one session run.</summary>
    internal sealed record Call(List<OnnxBuffer> Inputs, OnnxBuffer Sample, OnnxBuffer Timestep);

    /// <summary>Rows through the network again and again.</summary>
    internal sealed class Batch(ControlNetwork network, IReadOnlyList<Call> calls, int size, float factor) : IDisposable
    {
        private readonly List<IReadOnlyList<(float[] Values, long[] Shape)>> _results = [];

        /// <summary>Where the latents of a row are written.</summary>
        public Span<float> Input(int row) => Slice(calls[row / size].Sample.Floats, row % size);

        /// <summary>Runs the network for all rows.</summary>
        public void Run(float timestep, CancellationToken cancellation)
        {
            _results.Clear();
            foreach (var call in calls)
            {
                call.Sample.Upload();
                call.Timestep.Floats.Fill(timestep);
                call.Timestep.Upload();
                _results.Add(network._model.Run(call.Inputs, network._outputs, cancellation));
            }
        }

        /// <summary>Adds what the network said of a row at a place: of each value, or of all values of a channel.</summary>
        /// <exception cref="ModelException">It is of another shape than the UNet takes in.</exception>
        public void AddTo(Span<float> residual, int channels, int place, int row, float weight)
        {
            var results = _results[row / size];
            var given = place < results.Count ? results[place].Values.Length / size : 0;
            if (given != residual.Length && given != channels)
            {
                throw new ModelException($"{network._model.Path} does not fit this model's UNet: at place {place} they differ in shape.");
            }

            var values = Slice(results[place].Values, row % size);
            var each = residual.Length / given;
            for (var i = 0; i < residual.Length; i++)
            {
                residual[i] += values[i / each] * factor * weight;
            }
        }

        public void Dispose()
        {
            foreach (var input in calls.SelectMany(call => call.Inputs))
            {
                input.Dispose();
            }
        }

        private Span<float> Slice(Span<float> values, int row)
        {
            var each = values.Length / size;
            return values.Slice(row * each, each);
        }
    }
}
