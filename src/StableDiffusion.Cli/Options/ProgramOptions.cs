using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary>The options that say where and how to work, the same for all pictures of a run.</summary>
internal sealed class ProgramOptions
{
    private const int MostThreads = 1024;

    /// <summary>The model that comes with the program.</summary>
    private static string EmbeddedModel => Path.Combine(AppContext.BaseDirectory, "models", "emoji-256");

    public Option<string?> Model { get; } = new("--model", "-m")
    {
        Description = "Folder of an ONNX export, OWNER/NAME of a model that pull fetched, or a short name of models.json. [default: SD_MODEL, or the embedded emoji-256]",
        HelpName = "folder|name",
    };

    private Option<string?> Preset { get; } = UserDefaults.Preset();

    public Option<string> Device { get; } = new("--device")
    {
        Description = "Where to run: auto takes a working CUDA device or else the CPU; cuda[:n] fails where CUDA does not work.",
        HelpName = "auto|cpu|cuda[:n]",
        DefaultValueFactory = _ => "auto",
    };

    public Option<string?> Provider { get; } = new("--provider")
    {
        Description = "An execution provider from --provider-library, in the place of CUDA: its name and which of its devices, such as OpenVINO:1. 'sd doctor --provider-library' lists them.",
        HelpName = "name[:n]",
    };

    public Option<string?> ProviderLibraryPath { get; } = new("--provider-library")
    {
        Description = "The library of a plugin execution provider for ONNX Runtime.",
        HelpName = "file",
    };

    private Option<string[]> ProviderOption { get; } = new("--provider-option")
    {
        Description = "An option for the provider, as its maker describes them; may be given several times.",
        HelpName = "key=value",
        DefaultValueFactory = _ => [],
    };

    public Option<string[]> CudaOption { get; } = new("--cuda-option")
    {
        Description = "An option of ONNX Runtime's CUDA provider, such as use_tf32=1 or prefer_nhwc=1; may be given several times.",
        HelpName = "key=value",
        DefaultValueFactory = _ => [],
    };

    private Option<int> Threads { get; } = new("--threads", "-t")
    {
        Description = "CPU threads; 0 for one a physical core.",
        HelpName = "n",
        DefaultValueFactory = _ => 0,
    };

    public Option<bool> LowMemory { get; } = new("--low-memory") { Description = "Close each network before the next is opened. [default: for one seed, and where they do not fit together]" };

    public Option<string?> Attention { get; } = new("--attention")
    {
        Description = "fused: ONNX Runtime's fused attention wherever it fits, in memory; plain: as the export spells it out. Equal but for the last bits. [default: fused; plain with a provider]",
        HelpName = "fused|plain",
    };

    public Option<string> Precision { get; } = new("--precision")
    {
        Description = "full: weights as exported; w8: linear layers with 8 bits a weight, less memory and a picture that differs a little. Rounded at each start, or once with --graph-cache.",
        HelpName = "full|w8",
        DefaultValueFactory = _ => "full",
    };

    public Option<string?> Variant { get; } = new("--variant")
    {
        Description = "Which networks to take where a part of the model has several: fp16 for model_fp16.onnx, quantized for model_quantized.onnx. [default: model.onnx]",
        HelpName = "name",
    };

    private Option<bool> GraphCache { get; } = new("--graph-cache")
    {
        Description = "Keep large networks on the disk as ONNX Runtime has optimised them: later starts take less time and memory. About 1.3 times the model's size; 'sd cache' shows and clears it.",
    };

    private Option<bool> Quiet { get; } = new("--quiet", "-q") { Description = "Say nothing but warnings and errors." };

    private Option<bool> Verbose { get; } = new("--verbose", "-v") { Description = "Say more: model, device, scheduler." };

    private Option<bool> JsonResults { get; } = new("--json") { Description = "Print a JSON line for each picture: path, seed, all parameters, sha256, seconds by stage." };

    private Option<string> Progress { get; } = new(ConsoleLog.ProgressOption)
    {
        Description = "How to tell how far the run is on standard error; json makes every line there a JSON object.",
        HelpName = "auto|none|json",
        DefaultValueFactory = _ => "auto",
    };

    /// <summary>Those that make sense for commands that paint nothing.</summary>
    public IReadOnlyList<Option> Working => [Device, Provider, ProviderLibraryPath, ProviderOption, CudaOption, Threads, Attention, Precision, Progress, Quiet, Verbose];

    /// <summary>Those that say where to run and what to tell.</summary>
    public IReadOnlyList<Option> Running => [Device, Threads, Progress, Quiet, Verbose];

    public IReadOnlyList<Option> All => [Preset, Variant, Device, Provider, ProviderLibraryPath, ProviderOption, CudaOption, Threads, Attention, Precision, LowMemory, GraphCache, JsonResults, Progress, Quiet, Verbose];

    /// <summary>Whether results are JSON lines instead of paths.</summary>
    public bool Json(ParseResult parsed) => parsed.GetValue(JsonResults);

    public ConsoleLog Log(ParseResult parsed) => parsed.GetValue(Progress) switch
    {
        "auto" => new(parsed.GetValue(Quiet), parsed.GetValue(Verbose), bar: true),
        "none" => new(parsed.GetValue(Quiet), parsed.GetValue(Verbose)),
        "json" => new(parsed.GetValue(Quiet), parsed.GetValue(Verbose), json: true),
        var other => throw new RequestException($"{Progress.Name} {OneLine.Quote(other!)} is not known; give auto, none or json."),
    };

    /// <summary>The folder of the model asked for, by option or <c>SD_MODEL</c>, or the embedded one's.</summary>
    public string ModelPath(ParseResult parsed) => ModelPath(parsed.GetValue(Model));

    /// <summary>What that folder says of the model, none of whose networks is opened.</summary>
    public ModelFolder Folder(ParseResult parsed) => ModelFolder.Open(ModelPath(parsed));

    /// <summary>Whether a folder is that of the model that comes with the program.</summary>
    public static bool IsEmbedded(string modelPath) => Path.GetFullPath(modelPath) == Path.GetFullPath(EmbeddedModel);

    /// <summary>The folder that a text stands for; null for the model that paints when none is named.</summary>
    public static string ModelPath(string? asked)
    {
        if (asked is not null || Environment.GetEnvironmentVariable(ModelLocation.Variable) is not { Length: > 0 } usual)
        {
            return string.IsNullOrEmpty(asked) ? EmbeddedModel : ModelLocation.Resolve(asked);
        }

        return ModelLocation.Resolve(usual) is var place && Path.Exists(place) ? place : throw new ModelException(
            $"{ModelLocation.Variable} names the model {OneLine.Quote(usual)}, which does not exist; set it to another, or name one with --model.");
    }

    /// <summary>Opens the model on the device asked for.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="log">For warnings and details.</param>
    /// <param name="opensOnce">Whether each network is needed once, so that closing it before the next is opened costs no time.</param>
    public TextToImagePipeline Open(ParseResult parsed, ConsoleLog log, bool opensOnce = false)
    {
        var pipeline = TextToImagePipeline.Load(ModelPath(parsed), Options(parsed, log, opensOnce));
        log.Detail($"model {pipeline.Folder.Path} ({pipeline.Folder.PipelineClass}, scheduler {pipeline.Folder.Scheduler.ClassName}), device {pipeline.Device}");
        return pipeline;
    }

    /// <summary>How a command line asks for a pipeline to be opened; an option that a command lacks has its default.</summary>
    public PipelineOptions Options(ParseResult parsed, ConsoleLog log, bool opensOnce = false)
    {
        var name = parsed.GetValue(Device)!;
        if (!ExecutionDevice.TryParse(name, out var device))
        {
            throw new RequestException($"--device '{name}' is not known; give auto, cpu, cuda or cuda:1.");
        }

        var threads = parsed.GetValue(Threads);
        if (threads is < 0 or > MostThreads)
        {
            throw new RequestException($"--threads {threads} must be from 0 to {MostThreads}.");
        }

        return new PipelineOptions
        {
            Device = device,
            Provider = ProviderOf(parsed),
            CudaOptions = Pairs(parsed, CudaOption, "use_tf32=1"),
            Threads = threads,
            FuseAttention = FusesAttention(parsed),
            Precision = PrecisionOf(parsed),
            OneNetworkAtATime = parsed.GetValue(LowMemory) ? true : null,
            Variant = parsed.GetValue(Variant),
            OpensOnce = opensOnce,
            GraphCache = parsed.GetValue(GraphCache) ? CacheFolder.Graphs : null,
            Warning = log.Warn,
            ParameterName = OptionNames.Option,
        };
    }

    private ExecutionProvider? ProviderOf(ParseResult parsed)
    {
        var (asked, library, options) = (parsed.GetValue(Provider), parsed.GetValue(ProviderLibraryPath), parsed.GetValue(ProviderOption) ?? []);
        if (asked is null || library is null)
        {
            return asked is null && library is null && options.Length == 0
                ? null
                : throw new RequestException(asked is null
                    ? $"{(library is null ? ProviderOption.Name : ProviderLibraryPath.Name)} needs {Provider.Name}, the provider's name; 'sd doctor {ProviderLibraryPath.Name}' lists what a library offers."
                    : $"{Provider.Name} {OneLine.Quote(asked)} needs {ProviderLibraryPath.Name}, the file that it is in.");
        }

        var (name, index) = ExecutionProvider.Parse(asked) ?? throw new RequestException($"{Provider.Name} {OneLine.Quote(asked)} must be a name, with or without a device: OpenVINO or OpenVINO:1.");
        return new ExecutionProvider(name, library, index) { Options = Pairs(parsed, ProviderOption, "device_type=CPU") };
    }

    private static Dictionary<string, string> Pairs(ParseResult parsed, Option<string[]> option, string example)
    {
        var pairs = new Dictionary<string, string>();
        foreach (var text in parsed.GetValue(option) ?? [])
        {
            var split = text.IndexOf('=', StringComparison.Ordinal);
            if (split <= 0)
            {
                throw new RequestException($"{option.Name} {OneLine.Quote(text)} must be key=value, such as {example}.");
            }

            pairs[text[..split]] = text[(split + 1)..];
        }

        return pairs;
    }

    private bool? FusesAttention(ParseResult parsed) => parsed.GetValue(Attention) switch
    {
        null => null,
        "fused" => true,
        "plain" => false,
        var other => throw new RequestException($"{Attention.Name} {OneLine.Quote(other)} is not known; give fused or plain."),
    };

    private WeightPrecision PrecisionOf(ParseResult parsed) => parsed.GetValue(Precision) switch
    {
        "full" or null => WeightPrecision.Exported,
        "w8" => WeightPrecision.EightBit,
        var other => throw new RequestException($"{Precision.Name} {OneLine.Quote(other)} is not known; give full or w8 (int8 is for 'optimize', which writes a model of its own)."),
    };
}
