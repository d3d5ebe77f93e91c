namespace StableDiffusion;

/// <summary>The buffers of one session run of a transformer: the latents, the time step, and what it is told.</summary>
internal sealed record TransformerCall(IReadOnlyList<OnnxBuffer> Inputs) : IDisposable
{
    public OnnxBuffer Latents => Inputs[0];

    public OnnxBuffer Timestep => Inputs[1];

    /// <summary>All of these bound to the network; null where it is given them at each run.</summary>
    public BoundTransformer? Bound { get; init; }

    public void Dispose()
    {
        Bound?.Dispose();
        foreach (var input in Inputs)
        {
            input.Dispose();
        }
    }
}

/// <summary>A transformer's inputs as they are bound, and where its output then goes.</summary>
internal sealed record BoundTransformer(IOnnxBinding Binding, OnnxBuffer Output) : IDisposable
{
    public (float[] Values, long[] Shape) Run(OnnxModel model, CancellationToken cancellation)
    {
        model.Run(Binding, cancellation);
        return (Output.Download().ToArray(), Output.Shape);
    }

    public void Dispose()
    {
        Binding.Dispose();
        Output.Dispose();
    }
}

/// <summary>A number of rows through a transformer again and again: in one call, or in several where the export fixes the batch.</summary>
internal sealed class TransformerBatch : IDenoisingBatch
{
    private readonly OnnxModel _model;
    private readonly string _output;
    private readonly IReadOnlyList<TransformerCall> _calls;
    private readonly LatentArrangement _arrangement;
    private readonly float _timestepScale;
    private readonly int _size;
    private readonly float[] _inputs;
    private readonly float[] _outputs;

    public TransformerBatch(
        OnnxModel model, string output, IReadOnlyList<TransformerCall> calls, int size, LatentArrangement arrangement, float timestepScale)
    {
        (_model, _output, _calls, _size, _arrangement, _timestepScale) = (model, output, calls, size, arrangement, timestepScale);
        _inputs = new float[calls.Count * size * arrangement.Length];
        _outputs = new float[_inputs.Length];
    }

    public Span<float> Input(int row) => _inputs.AsSpan(row * _arrangement.Length, _arrangement.Length);

    public ReadOnlySpan<float> Output(int row) => _outputs.AsSpan(row * _arrangement.Length, _arrangement.Length);

    public void Run(DenoisingCall call, CancellationToken cancellation)
    {
        for (var i = 0; i < _calls.Count; i++)
        {
            var one = _calls[i];
            for (var row = 0; row < _size; row++)
            {
                _arrangement.Pack(Input((i * _size) + row), one.Latents.Floats[(row * _arrangement.Length)..]);
            }

            one.Latents.Upload();
            one.Timestep.Floats.Fill(call.Timestep * _timestepScale);
            one.Timestep.Upload();
            var (values, shape) = one.Bound?.Run(_model, cancellation) ?? _model.Run(one.Inputs, [_output], cancellation)[0];
            var each = values.Length / _size;
            if (shape[0] != _size || each < _arrangement.Length)
            {
                throw new ModelException($"{_model.Path} gave an output of the shape [{string.Join(", ", shape)}], which does not fit the latents.");
            }

            for (var row = 0; row < _size; row++)
            {
                _arrangement.Unpack(values.AsSpan(row * each, each), _outputs.AsSpan(((i * _size) + row) * _arrangement.Length, _arrangement.Length));
            }
        }
    }

    public void Dispose()
    {
        foreach (var call in _calls)
        {
            call.Dispose();
        }
    }
}
