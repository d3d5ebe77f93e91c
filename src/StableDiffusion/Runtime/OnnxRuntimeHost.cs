using System.Runtime.Intrinsics.X86;
using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion;

/// <summary>Opens sessions on the chosen device. Decides once what <see cref="ExecutionDevice.Auto"/> means.</summary>
internal sealed class OnnxRuntimeHost
{
    private readonly int _threads;
    private readonly Action<SessionOptions>? _configure;
    private readonly int? _cudaIndex;
    private readonly PluginProvider? _plugin;
    private readonly IReadOnlyDictionary<string, string> _cudaOptions;

    /// <param name="device">Where to run.</param>
    /// <param name="threads">CPU threads inside an operator; 0 lets ONNX Runtime take one a physical core.</param>
    /// <param name="configure">Has the last word on the settings of each session.</param>
    /// <param name="provider">A provider from a library, in the place of CUDA.</param>
    /// <param name="cudaOptions">Options for CUDA's provider; null for none.</param>
    public OnnxRuntimeHost(
        ExecutionDevice device,
        int threads,
        Action<SessionOptions>? configure = null,
        ExecutionProvider? provider = null,
        IReadOnlyDictionary<string, string>? cudaOptions = null)
    {
        _configure = configure;
        _cudaOptions = cudaOptions ?? new Dictionary<string, string>();
        CudaProvider.RequireKnown(_cudaOptions.Keys);
        if (_cudaOptions.Count > 0 && (provider is not null || device.CudaIndex is null))
        {
            throw new RequestException(
                nameof(PipelineOptions.CudaOptions), $"{nameof(PipelineOptions.CudaOptions):name} is for CUDA, and the networks run elsewhere; leave it out, or give {nameof(PipelineOptions.Device):name} cuda.");
        }

        RequireNativeLibrary();
        _threads = threads;
        if (provider is not null)
        {
            if (device is { CudaIndex: not null, IsAutomatic: false })
            {
                throw new RequestException(
                    nameof(PipelineOptions.Device), $"{nameof(PipelineOptions.Device):name} {device.Name} and {nameof(PipelineOptions.Provider):name} exclude each other; give one of them.");
            }

            _plugin = PluginProvider.Open(provider);
        }
        else if (device.CudaIndex is { } index)
        {
            var failure = TryCuda(index);
            if (failure is null)
            {
                _cudaIndex = index;
            }
            else if (!device.IsAutomatic)
            {
                throw new DeviceException(
                    nameof(PipelineOptions.Device),
                    $"{nameof(PipelineOptions.Device):name} {device.Name} cannot be used: {failure}. It needs CUDA 13, cuDNN 9 and an NVIDIA GPU; install them, or run with {nameof(PipelineOptions.Device):name} cpu.");
            }
        }

        BindsInputs = _cudaIndex is not null;
        CapturesRuns = BindsInputs && CudaProvider.CapturesGraphs(_cudaOptions);
        DeviceName = _plugin?.DeviceName ?? (_cudaIndex is { } cuda ? ExecutionDevice.Cuda(cuda).Name : "cpu");
    }

    /// <summary>The device in use: <c>cpu</c>, <c>cuda</c>, <c>cuda:N</c>, or the name of a provider from a library.</summary>
    public string DeviceName { get; }

    /// <summary>Whether a caller has a word on the settings of sessions.</summary>
    public bool IsConfigured => _configure is not null;

    /// <summary>Loads ONNX Runtime's native library on another thread: a tenth of a second in which a model's folder can be read. Never fails.</summary>
    public static Task Begin() => Task.Run(() =>
    {
        try
        {
            _ = OnnxRuntimeEnvironment.Instance;
        }
        catch (Exception error) when (error is DllNotFoundException or TypeInitializationException)
        {
            // Said where the library is needed.
        }
    });

    /// <summary>Whether inputs that stay the same from run to run are bound once: on CUDA, where they are copied to the device.</summary>
    public bool BindsInputs { get; init; }

    /// <summary>Whether runs of the network that denoises are captured by the device and replayed (see <see cref="CapturedRuns"/>): on CUDA, where it is asked for.</summary>
    public bool CapturesRuns { get; init; }

    /// <summary>
    /// Whether the processor adds pairs of 8-bit products in 16 bits, which overflow: an x64 one without AVX512-VNNI and AVX-VNNI (Intel's manual, CPUID, leaf 7).
    /// ONNX Runtime then has a slower, exact way; told to take it on others as well, it does.
    /// </summary>
    private static bool AddsIn16Bits { get; } =
        X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= 7 && (X86Base.CpuId(7, 0).Ecx & (1 << 11)) == 0 && (X86Base.CpuId(7, 1).Eax & (1 << 4)) == 0;

    /// <summary>Told of each network that is opened (true) or closed (false), by the path of its file.</summary>
    public Action<string, bool>? Watch { get; init; }

    /// <summary>What to say where the device does not take a network, which the CPU may; null on the CPU.</summary>
    /// <param name="path">The network.</param>
    /// <param name="reason">What the device says.</param>
    /// <param name="captures">Whether it was to be captured.</param>
    public DeviceException? Refusal(string path, string reason, bool captures) => (_plugin, _cudaIndex) switch
    {
        // "This session cannot use the graph capture feature as requested by the user as all compute graph nodes have not been partitioned to …" (inference_session.cc)
        _ when captures && reason.Contains("graph capture", StringComparison.Ordinal) => new(
            nameof(PipelineOptions.CudaOptions), $"{path} cannot be a CUDA graph: the CPU computes a part of it. Leave enable_cuda_graph out of {nameof(PipelineOptions.CudaOptions):name}."),
        ({ }, _) => new(nameof(PipelineOptions.Provider), $"{DeviceName} does not take {path}: {reason}. Leave {nameof(PipelineOptions.Provider):name} out to run it on the CPU."),
        (null, { }) => new(nameof(PipelineOptions.Device), $"{DeviceName} does not take {path}: {reason}. Run it with {nameof(PipelineOptions.Device):name} cpu."),
        _ => null,
    };

    /// <summary>The memory in which networks compute. The caller disposes it.</summary>
    public OrtMemoryInfo DeviceMemory() => new(
        _cudaIndex is null ? OrtMemoryInfo.allocatorCPU : OrtMemoryInfo.allocatorCUDA, OrtAllocatorType.DeviceAllocator, _cudaIndex ?? 0, OrtMemType.Default);

    /// <summary>Settings for one session. The caller disposes them.</summary>
    /// <param name="captures">Whether its runs are captured; see <see cref="CapturesRuns"/>.</param>
    public SessionOptions CreateSessionOptions(bool captures = false)
    {
        // What ORT logs as an error it throws as well; said twice it would not be one line.
        var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
        if (_threads > 0)
        {
            options.IntraOpNumThreads = _threads;
        }

        if (_cudaIndex is { } index)
        {
            CudaProvider.Append(options, index, _cudaOptions, captures);
        }
        else if (_plugin is null)
        {
            // A pattern of a first run is one block of the second, beside the pieces that the first left: twice the memory for the second picture,
            // or tile, that a decoder is given, and no time saved.
            options.EnableMemoryPattern = false;

            if (AddsIn16Bits)
            {
                options.AddSessionConfigEntry("session.x64quantprecision", "1");
            }
        }

        _plugin?.Append(options);
        _configure?.Invoke(options);
        return options;
    }

    /// <summary>The package brings the managed part alone; the program that uses it brings the rest.</summary>
    private static void RequireNativeLibrary()
    {
        try
        {
            _ = OnnxRuntimeEnvironment.Instance;
        }
        catch (Exception error) when (error is DllNotFoundException or TypeInitializationException)
        {
            throw new DeviceException(
                "ONNX Runtime's native library is not here; add the package Microsoft.ML.OnnxRuntime, Microsoft.ML.OnnxRuntime.Gpu or another that has it.", error);
        }
    }

    /// <summary>Why CUDA does not work here, in one line; null when it does.</summary>
    private string? TryCuda(int index)
    {
        try
        {
            CudaProvider.Try(index, _cudaOptions);
            return null;
        }
        catch (OnnxRuntimeException error) when (CudaProvider.UnreadOption(error.Message) is { } name)
        {
            throw new RequestException(
                nameof(PipelineOptions.CudaOptions), $"{nameof(PipelineOptions.CudaOptions):name} {OneLine.Quote($"{name}={_cudaOptions.GetValueOrDefault(name)}")} has a value that ONNX Runtime does not take; its page on the CUDA execution provider lists them.");
        }
        catch (Exception error) when (error is OnnxRuntimeException or EntryPointNotFoundException or DllNotFoundException or DeviceException)
        {
            return CudaProvider.Reason(error.Message);
        }
    }
}
