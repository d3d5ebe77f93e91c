using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace StableDiffusion;

/// <summary>One network: opens its session, knows its inputs and outputs by name, runs it, closes it.</summary>
internal sealed class OnnxModel : IDisposable
{
    private readonly InferenceSession _session;

    private readonly CapturedRuns? _captured;

    private readonly Action<string, bool>? _watch;

    private MadeWeights? _made;

    private ChannelRangesEdit? _ranges;

    private OnnxModel(string path, InferenceSession session, OnnxRuntimeHost host, bool captures)
    {
        Path = path;
        _session = session;
        Binds = captures || host.BindsInputs;
        _captured = captures ? new CapturedRuns(session, host) : null;
        _watch = host.Watch;
        _watch?.Invoke(path, true);
    }

    public string Path { get; }

    /// <summary>Whether it is worth while to bind inputs and output; see <see cref="Bind"/>.</summary>
    public bool Binds { get; }

    public IReadOnlyDictionary<string, NodeMetadata> Inputs => _session.InputMetadata;

    public IReadOnlyDictionary<string, NodeMetadata> Outputs => _session.OutputMetadata;

    /// <summary>Opens the network of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="host">The device.</param>
    /// <param name="captures">Whether bound runs are captured and replayed; see <see cref="OnnxRuntimeHost.CapturesRuns"/>.</param>
    public static OnnxModel Open(string path, OnnxRuntimeHost host, bool captures = false) =>
        Open(path, host, options => new InferenceSession(path, options), captures);

    /// <summary>Opens an edited graph whose weights still lie in the file it came from.</summary>
    public static OnnxModel Open(OnnxGraph graph, OnnxRuntimeHost host, bool captures = false)
    {
        var model = Open(graph.Path, host, graph.Open, captures);
        model._made = graph.Made;
        return model;
    }

    /// <summary>Opens a network that is optimised already.</summary>
    /// <param name="path">The network it was made of, for messages.</param>
    /// <param name="optimized">The file.</param>
    /// <param name="host">The device.</param>
    public static OnnxModel OpenOptimized(string path, string optimized, OnnxRuntimeHost host) => Open(path, host, options =>
    {
        options.GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL;
        return new InferenceSession(optimized, options);
    });

    /// <summary>Lets an edit of this network see at each run what the output that it added says.</summary>
    public void Tell(ChannelRangesEdit ranges) => _ranges = ranges.Output is null ? null : ranges;

    /// <summary>The first of these inputs that the network has; a <see cref="ModelException"/> lists what it has when it has none.</summary>
    public string InputNamed(params ReadOnlySpan<string> names) => Find(Inputs, "input", names);

    /// <summary>The first of these outputs that the network has.</summary>
    public string OutputNamed(params ReadOnlySpan<string> names) => Find(Outputs, "output", names);

    /// <summary>A buffer for one input, with symbolic dimensions replaced by those of <paramref name="shape"/>.</summary>
    /// <param name="name">One of <see cref="Inputs"/>.</param>
    /// <param name="shape">The shape to feed. Fixed dimensions of the network must agree with it.</param>
    public OnnxBuffer InputBuffer(string name, params ReadOnlySpan<long> shape)
    {
        var metadata = Inputs[name];
        if (metadata.Dimensions.Length != shape.Length || Disagree(metadata.Dimensions, shape))
        {
            throw new ModelException(
                $"{Path}: input '{name}' has the shape {Describe(metadata.Dimensions)}, but {Describe(shape)} was to be fed.");
        }

        return new OnnxBuffer(name, metadata.ElementDataType, shape);
    }

    /// <summary>A buffer for one output.</summary>
    public OnnxBuffer OutputBuffer(string name, params ReadOnlySpan<long> shape) => new(name, Outputs[name].ElementDataType, shape);

    /// <summary>Binds inputs and an output for many runs where that saves copies to the device or lets it replay them; null where it does neither.</summary>
    /// <param name="constant">Inputs that are filled already.</param>
    /// <param name="changing">Inputs that are filled before each run.</param>
    /// <param name="output">Where the output goes.</param>
    public IOnnxBinding? Bind(IEnumerable<OnnxBuffer> constant, IReadOnlyList<OnnxBuffer> changing, OnnxBuffer output)
    {
        IOnnxBinding? binding = null;
        if (Binds)
        {
            Guard(_ => binding = _captured?.Bind([.. constant], changing, output) ?? new OnnxBinding(_session, constant, changing, output), default);
        }

        return binding;
    }

    /// <summary>Runs the network over what is bound.</summary>
    public void Run(IOnnxBinding binding, CancellationToken cancellation) => Guard(binding.Run, cancellation);

    /// <summary>Runs the network over buffers that stay the same from run to run.</summary>
    /// <param name="inputs">What it is fed.</param>
    /// <param name="outputs">Where its outputs go.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <param name="more">Further inputs, as another network gave them.</param>
    public void Run(
        IReadOnlyList<OnnxBuffer> inputs, IReadOnlyList<OnnxBuffer> outputs, CancellationToken cancellation, params (string Name, OrtValue Value)[] more)
    {
        using var ranges = _ranges is null ? null : OutputBuffer(_ranges.Output!, _ranges.Length);
        IReadOnlyList<OnnxBuffer> asked = ranges is null ? outputs : [.. outputs, ranges];
        Run(
            options => _session.Run(
                options,
                [.. NamesOf(inputs), .. more.Select(one => one.Name)],
                [.. ValuesOf(inputs), .. more.Select(one => one.Value)],
                NamesOf(asked),
                ValuesOf(asked)),
            cancellation);
        if (ranges is not null)
        {
            _ranges!.Add(ranges.Floats);
        }
    }

    /// <summary>Runs the network and leaves its outputs as they are, to be fed to another; whoever asks for them disposes them.</summary>
    public IDisposableReadOnlyCollection<OrtValue> RunToValues(IReadOnlyList<OnnxBuffer> inputs, IReadOnlyList<string> outputNames, CancellationToken cancellation)
    {
        IDisposableReadOnlyCollection<OrtValue>? values = null;
        Run(options => values = _session.Run(options, NamesOf(inputs), ValuesOf(inputs), outputNames), cancellation);
        return values!;
    }

    /// <summary>Runs the network once where the shape of the output is not known before.</summary>
    /// <returns>The values as float32 and the shape of each output asked for.</returns>
    public IReadOnlyList<(float[] Values, long[] Shape)> Run(
        IReadOnlyList<OnnxBuffer> inputs, IReadOnlyList<string> outputNames, CancellationToken cancellation)
    {
        IReadOnlyList<(float[] Values, long[] Shape)> values = [];
        IReadOnlyList<string> asked = _ranges is null ? outputNames : [.. outputNames, _ranges.Output!];
        Run(
            options =>
            {
                using var results = _session.Run(options, NamesOf(inputs), ValuesOf(inputs), asked);
                values = [.. results.Select(ToFloats)];
            },
            cancellation);
        if (asked.Count > outputNames.Count)
        {
            _ranges!.Add(values[^1].Values);
        }

        return values;
    }

    public void Dispose()
    {
        _captured?.Dispose();
        _session.Dispose();
        _made?.Dispose();
        _watch?.Invoke(Path, false);
    }

    private static OnnxModel Open(string path, OnnxRuntimeHost host, Func<SessionOptions, InferenceSession> open, bool captures = false)
    {
        using var options = host.CreateSessionOptions(captures);
        try
        {
            return new OnnxModel(path, open(options), host, captures);
        }
        catch (OnnxRuntimeException error)
        {
            NetworkFile.RequireWhole(path);
            if (host.Refusal(path, CudaProvider.Reason(error.Message), captures) is { } refusal)
            {
                throw refusal;
            }

            throw new ModelException($"{path} cannot be opened as an ONNX model ({OneLine.Of(error.Message).Trim()}). Download or export it again.", error) { IsOfOpening = true };
        }
    }

    /// <summary>Runs what is not bound: nothing of it is captured.</summary>
    private void Run(Action<RunOptions> run, CancellationToken cancellation) => Guard(
        options =>
        {
            if (_captured is not null)
            {
                CapturedRuns.Exclude(options);
            }

            run(options);
        },
        cancellation);

    /// <summary>Runs what can be cancelled; a failure is a <see cref="ModelException"/> that names the file.</summary>
    private void Guard(Action<RunOptions> run, CancellationToken cancellation)
    {
        using var options = new RunOptions();
        using var registration = cancellation.Register(static state => ((RunOptions)state!).Terminate = true, options);
        try
        {
            run(options);
        }
        catch (OnnxRuntimeException error)
        {
            cancellation.ThrowIfCancellationRequested();
            throw new ModelException($"{Path} failed while running: {OneLine.Of(error.Message)}", error);
        }
    }

    /// <summary>A network's output as float32, and its shape.</summary>
    internal static (float[] Values, long[] Shape) ToFloats(OrtValue value)
    {
        var info = value.GetTensorTypeAndShape();
        float[] values = info.ElementDataType switch
        {
            TensorElementType.Float => value.GetTensorDataAsSpan<float>().ToArray(),
            TensorElementType.Float16 => OnnxBuffer.ToSingles(value.GetTensorDataAsSpan<Float16>()),
            _ => throw new ModelException($"An output has the element type {info.ElementDataType}; float32 or float16 was expected."),
        };
        return (values, info.Shape);
    }

    private string Find(IReadOnlyDictionary<string, NodeMetadata> have, string kind, ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (have.ContainsKey(name))
            {
                return name;
            }
        }

        throw new ModelException(
            $"{Path} has no {kind} '{string.Join("' or '", names.ToArray())}'; it has {string.Join(", ", have.Keys)}. "
            + "Is it the network that its folder says?");
    }

    private static bool Disagree(int[] fixedDimensions, ReadOnlySpan<long> shape)
    {
        for (var i = 0; i < shape.Length; i++)
        {
            if (fixedDimensions[i] > 0 && fixedDimensions[i] != shape[i])
            {
                return true;
            }
        }

        return false;
    }

    private static string Describe<T>(ReadOnlySpan<T> shape) => $"[{string.Join(", ", shape.ToArray())}]";

    private static string Describe(int[] shape) => $"[{string.Join(", ", shape.Select(d => d > 0 ? $"{d}" : "?"))}]";

    private static string[] NamesOf(IReadOnlyList<OnnxBuffer> buffers) => [.. buffers.Select(b => b.Name)];

    private static OrtValue[] ValuesOf(IReadOnlyList<OnnxBuffer> buffers) => [.. buffers.Select(b => b.Value)];
}
