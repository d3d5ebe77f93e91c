using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion;

/// <summary>How a pipeline is opened.</summary>
public sealed record PipelineOptions
{
    /// <summary>Where the networks run.</summary>
    public ExecutionDevice Device { get; init; } = ExecutionDevice.Auto;

    /// <summary>
    /// An execution provider from a library of its own, in the place of CUDA; null for none. Attention then stays as networks have it unless
    /// <see cref="FuseAttention"/> says otherwise: not every provider has the fused operator.
    /// </summary>
    public ExecutionProvider? Provider { get; init; }

    /// <summary>
    /// Options of ONNX Runtime's CUDA provider by its names, such as <c>use_tf32</c>; they take the place of ours (<c>use_tf32=0</c>,
    /// <c>cudnn_conv_algo_search=HEURISTIC</c>). Only where <see cref="Device"/> is CUDA or automatic. With <c>enable_cuda_graph=1</c> the network that denoises is
    /// captured once for each size, and replayed.
    /// </summary>
    public IReadOnlyDictionary<string, string> CudaOptions { get; init; } = new Dictionary<string, string>();

    /// <summary>CPU threads inside an operator; 0 for one a physical core.</summary>
    public int Threads { get; init; }

    /// <summary>
    /// Whether a network is closed as soon as the next stage begins, so that never two are in memory. Null: only where all of them
    /// together would not fit.
    /// </summary>
    public bool? OneNetworkAtATime { get; init; }

    /// <inheritdoc cref="ModelFolder.Variant"/>
    public string? Variant { get; init; }

    /// <summary>
    /// A folder in which networks of more than 64 MiB are kept as ONNX Runtime has optimised them, so that they open in a fraction of the time and in
    /// less memory; null, the default, keeps none. It takes about 1.3 times the networks' size on the disk, one copy of each. Only for networks on the CPU that
    /// no request edits, and without <see cref="SessionOptions"/>.
    /// </summary>
    public string? GraphCache { get; init; }

    /// <summary>Whether each network is needed once, so that closing it before the next is opened costs no time.</summary>
    internal bool OpensOnce { get; init; }

    /// <summary>
    /// Whether attention is computed by ONNX Runtime's fused operator wherever a network's has the form for it: less memory and less time,
    /// equal but for the last bits. Null: unless there is a <see cref="Provider"/>. Turn it off for an execution provider that lacks <c>MultiHeadAttention</c>.
    /// </summary>
    public bool? FuseAttention { get; init; }

    /// <summary>How finely weights are kept while the pipeline runs; with <see cref="GraphCache"/> they are rounded once.</summary>
    public WeightPrecision Precision { get; init; }

    /// <summary>Edits for every network that is opened.</summary>
    internal IReadOnlyList<IGraphEdit> Edits { get; init; } = [];

    internal AttentionKind Attention => (FuseAttention ?? Provider is null) ? AttentionKind.Fused : AttentionKind.Plain;

    /// <summary>
    /// Told the settings of each session before it opens, to change them: execution providers (with <see cref="Device"/> at
    /// <see cref="ExecutionDevice.Cpu"/>, which adds none), memory, optimisation. Networks of small models are opened at the same time, on several threads.
    /// </summary>
    public Action<SessionOptions>? SessionOptions { get; init; }

    /// <summary>Told of each network that is opened (true) or closed (false), by the path of its file.</summary>
    internal Action<string, bool>? NetworkWatch { get; init; }

    /// <summary>Told what a user should know though nothing failed, such as words that had to be cut.</summary>
    public Action<string>? Warning { get; init; }

    /// <summary>
    /// What warnings call the properties of requests and of these options, as <see cref="RequestException.MessageFor"/> does in errors; null
    /// for their own names.
    /// </summary>
    public Func<string, string>? ParameterName { get; init; }
}
