using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion;

/// <summary>ONNX Runtime's CUDA provider.</summary>
internal static partial class CudaProvider
{
    private const string CudaGraph = "enable_cuda_graph";

    /// <summary>What may be set, by ONNX Runtime's names. Left out are the device, which has a setting of its own, and addresses (<c>user_compute_stream</c>, <c>gpu_external_alloc</c>).</summary>
    internal static IReadOnlyList<string> Names { get; } =
    [
        "arena_extend_strategy", "cudnn_conv1d_pad_to_nc1d", "cudnn_conv_algo_search", "cudnn_conv_use_max_workspace", "do_copy_in_default_stream", CudaGraph,
        "enable_cudnn", "enable_skip_layer_norm_strict_mode", "fuse_conv_bias", "gpu_mem_limit", "prefer_nhwc", "sdpa_kernel", "tunable_op_enable",
        "tunable_op_max_tuning_duration_ms", "tunable_op_tuning_enable", "use_ep_level_unified_stream", "use_tf32",
    ];

    /// <summary>Adds the provider to the settings of a session.</summary>
    /// <param name="options">Those settings.</param>
    /// <param name="deviceIndex">Which GPU.</param>
    /// <param name="given">What a user wants otherwise than we have it; see <see cref="RequireKnown"/>.</param>
    /// <param name="captures">Whether the session is for captured runs, if the user wants such.</param>
    /// <exception cref="OnnxRuntimeException">CUDA does not work here, or does not take an option; the message says why.</exception>
    public static void Append(SessionOptions options, int deviceIndex, IReadOnlyDictionary<string, string> given, bool captures)
    {
        using var cuda = new OrtCUDAProviderOptions();
        cuda.UpdateOptions(Settings(deviceIndex, given, captures));
        options.AppendExecutionProvider_CUDA(cuda);
    }

    /// <summary>Whether a user wants the network that denoises to be captured as a CUDA graph; the values are those that ONNX Runtime reads as true.</summary>
    public static bool CapturesGraphs(IReadOnlyDictionary<string, string> given) => given.GetValueOrDefault(CudaGraph) is "1" or "true" or "True";

    /// <summary>Ours, with what a user wants otherwise laid over. Networks that run once a picture are not captured: their inputs come from anywhere.</summary>
    internal static Dictionary<string, string> Settings(int deviceIndex, IReadOnlyDictionary<string, string> given, bool captures)
    {
        var settings = new Dictionary<string, string>
        {
            ["device_id"] = deviceIndex.ToString(CultureInfo.InvariantCulture),
            // TF32 rounds the factors of float32 products to 10 bits: another picture than the CPU paints.
            ["use_tf32"] = "0",
            // The default, EXHAUSTIVE, tries every algorithm first: slower than it saves on a few pictures.
            ["cudnn_conv_algo_search"] = "HEURISTIC",
        };
        foreach (var (name, value) in given.Where(option => captures || option.Key != CudaGraph))
        {
            settings[name] = value;
        }

        return settings;
    }

    /// <exception cref="RequestException">One of the names cannot be set.</exception>
    public static void RequireKnown(IEnumerable<string> names)
    {
        if (names.Except(Names).FirstOrDefault() is { } unknown)
        {
            throw new RequestException(nameof(PipelineOptions.CudaOptions), $"{nameof(PipelineOptions.CudaOptions):name}: {OneLine.Quote(unknown)} cannot be set; there are {string.Join(", ", Names)}.");
        }
    }

    /// <summary>The option that ONNX Runtime could not read; null where it complains of something else.</summary>
    internal static string? UnreadOption(string message) => Unread().Match(message) is { Success: true } match && match.Groups[1].Value != "device_id" ? match.Groups[1].Value : null;

    /// <summary>Runs a convolution of one pixel on the device: a provider that loads may still find no GPU, too old a driver, or no cuDNN.</summary>
    /// <exception cref="OnnxRuntimeException">CUDA does not work here; the message says why.</exception>
    public static void Try(int deviceIndex, IReadOnlyDictionary<string, string> given)
    {
        // What fails before there is a session is logged by the environment, which would say it a second time.
        var environment = OnnxRuntimeEnvironment.Instance;
        var level = environment.EnvLogLevel;
        environment.EnvLogLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL;
        try
        {
            using var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
            Append(options, deviceIndex, given, captures: true);
            options.AddSessionConfigEntry("session.disable_cpu_ep_fallback", "1");
            using var session = new InferenceSession(OnePixel(), options);
            using var pixel = OrtValue.CreateTensorValueFromMemory([1f], [1, 1, 1, 1]);
            using var run = new RunOptions();
            CapturedRuns.Exclude(run);
            using var outputs = session.Run(run, ["x", "w"], [pixel, pixel], ["y"]);
        }
        finally
        {
            environment.EnvLogLevel = level;
        }
    }

    /// <summary>What keeps CUDA from working, in one line, out of what ONNX Runtime says: without its error codes, source files and C++ signatures.</summary>
    internal static string Reason(string message)
    {
        var line = OneLine.Of(message);
        line = Failure().Match(line) is { Success: true } failure ? failure.Value : Source().Replace(line, "");
        line = line.Trim().TrimEnd('.').TrimEnd();
        return MissingLibrary().Replace(line, "the library ${name} is missing");
    }

    /// <summary>A model of one convolution, y = x * w, all [1, 1, 1, 1].</summary>
    internal static byte[] OnePixel() => SmallModel.Of(
        [new OnnxNode("Conv", ["x", "w"], ["y"])], [new("x", OnnxElementType.Float), new("w", OnnxElementType.Float)], [new("y", OnnxElementType.Float)]);

    /// <summary>What CUDA itself says, before ONNX Runtime's notes on where: "CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; …".</summary>
    [GeneratedRegex(@"\b(CUDA|CUDNN|CUBLAS|CURAND|CUFFT) failure [^;]+", RegexOptions.CultureInvariant)]
    private static partial Regex Failure();

    /// <summary>
    /// All up to the last of "[ErrorCode:Fail]", "[ONNXRuntimeError] : 1 : FAIL :", "with error:" and a place such as "provider_options_utils.h:187 Parse "; in between
    /// stand source files and C++ signatures.
    /// </summary>
    [GeneratedRegex(@"^.*(\[ErrorCode:\w+\]|\[ONNXRuntimeError\] : \d+ : \w+ :|with error:|\b\w+\.(h|cc):\d+ [\w()]+ )", RegexOptions.CultureInvariant)]
    private static partial Regex Source();

    [GeneratedRegex(@"Failed to parse provider option ""(\w+)""", RegexOptions.CultureInvariant)]
    private static partial Regex Unread();

    [GeneratedRegex(@"^(?<name>\S+): cannot open shared object file: No such file or directory$", RegexOptions.CultureInvariant)]
    private static partial Regex MissingLibrary();
}
