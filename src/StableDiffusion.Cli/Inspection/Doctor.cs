using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>Looks at everything the program needs of a machine.</summary>
internal static class Doctor
{
    /// <summary>
    /// Time of the embedded model's 25 steps in products of <see cref="MatrixProduct"/>, both measured on two cores of an AMD EPYC (Zen 5) in
    /// one quiet run: 0.35 s against 8.5 ms. Only a multiple of it is remarked on.
    /// </summary>
    private const double ProductsPerPicture = 41;

    private const double RemarkableFactor = 4;

    /// <summary>All findings, each as soon as it is known.</summary>
    public static IEnumerable<Finding> Examine(string modelPath, string? providerLibrary = null)
    {
        yield return Finding.Good("program", $"sd {Version(typeof(Doctor).Assembly)} on .NET {Environment.Version}, {RuntimeInformation.RuntimeIdentifier}");
        yield return Finding.Good("ONNX Runtime", $"{OnnxRuntimeEnvironment.Instance.GetVersionString()} with {string.Join(", ", OnnxRuntimeEnvironment.Instance.GetAvailableProviders())}");
        yield return Processor();
        yield return Memory(modelPath);
        yield return Cuda();
        if (providerLibrary is not null)
        {
            yield return Provider(providerLibrary);
        }

        yield return HubCacheFolder();
        yield return UserConfiguration();
        yield return Picture(modelPath);
    }

    private static Finding Processor()
    {
        var features = Features().ToList();
        var text = string.Create(CultureInfo.InvariantCulture, $"{ProcessorName()}, {Environment.ProcessorCount} threads{(features.Count > 0 ? $", {string.Join(", ", features)}" : "")}");
        return RuntimeInformation.ProcessArchitecture == Architecture.X64 && !Avx2.IsSupported
            ? new Finding("processor", FindingState.Warning, $"{text}; without AVX2 everything is several times slower.")
            : Finding.Good("processor", text);
    }

    private static string ProcessorName()
    {
        const string cpuInfo = "/proc/cpuinfo";
        var line = File.Exists(cpuInfo) ? File.ReadLines(cpuInfo).FirstOrDefault(one => one.StartsWith("model name", StringComparison.Ordinal)) : null;
        return OneLine.Of(line?[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString());
    }

    /// <summary>Instructions that networks are faster with, as the system names them.</summary>
    private static IEnumerable<string> Features()
    {
        const string cpuInfo = "/proc/cpuinfo";
        if (!File.Exists(cpuInfo))
        {
            return new (string Name, bool Has)[] { ("avx2", Avx2.IsSupported), ("avx512f", Avx512F.IsSupported) }.Where(one => one.Has).Select(one => one.Name);
        }

        string[] wanted = ["avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8", "asimd", "sve", "bf16", "i8mm"];
        var flags = File.ReadLines(cpuInfo).FirstOrDefault(one => one.StartsWith("flags", StringComparison.Ordinal) || one.StartsWith("Features", StringComparison.Ordinal));
        return wanted.Intersect((flags ?? "").Split(' ', '\t'));
    }

    private static Finding Memory(string modelPath)
    {
        var (total, free) = (MachineMemory.Total, MachineMemory.Available);
        var needed = Directory.Exists(modelPath) ? ModelReport.Of(modelPath).LargestBytes : 0;
        var text = $"{ByteSize.Of(total)}, {ByteSize.Of(free)} free";
        return needed > free
            ? new Finding("memory", FindingState.Warning, $"{text}; the largest network of {modelPath} alone takes {ByteSize.Of(needed)}.")
            : Finding.Good("memory", text);
    }

    private static Finding Cuda()
    {
        try
        {
            return Finding.Good("CUDA", $"works: {new OnnxRuntimeHost(ExecutionDevice.Cuda(), threads: 0).DeviceName}");
        }
        catch (DeviceException error)
        {
            // Most machines have no GPU; only who has one is to be told that it lies idle.
            var hasCard = File.Exists("/dev/nvidia0") || File.Exists("/proc/driver/nvidia/version");
            return new Finding("CUDA", hasCard ? FindingState.Warning : FindingState.Good, hasCard ? OptionNames.Message(error) : $"not here, pictures are painted on the CPU ({OptionNames.Message(error)})");
        }
    }

    private static Finding Provider(string library)
    {
        try
        {
            var offered = ProviderLibrary.Open(library).GroupBy(device => device.EpName).ToList();
            var text = offered.Select(provider => $"{provider.Key} of {provider.First().EpVendor}: {string.Join(", ", provider.Select((device, index) => string.Create(CultureInfo.InvariantCulture, $"{index} is a {device.HardwareDevice.Type} of {device.HardwareDevice.Vendor}")))}");
            var details = offered.Select(provider => (JsonNode)new JsonObject
            {
                ["name"] = provider.Key,
                ["vendor"] = provider.First().EpVendor,
                ["devices"] = new JsonArray([.. provider.Select(device => (JsonNode)new JsonObject
                {
                    ["type"] = device.HardwareDevice.Type.ToString(),
                    ["vendor"] = device.HardwareDevice.Vendor,
                    ["device_id"] = device.HardwareDevice.DeviceId,
                })]),
            });
            return offered.Count == 0
                ? new Finding("provider", FindingState.Bad, $"{OneLine.Quote(library)} offers no device on this machine.")
                : Finding.Good("provider", string.Join("; ", text)) with { Details = new JsonArray([.. details]) };
        }
        catch (Exception error) when (error is RequestException or DeviceException)
        {
            return new Finding("provider", FindingState.Bad, OptionNames.Message(error));
        }
    }

    private static Finding HubCacheFolder()
    {
        try
        {
            var settings = HubSettings.Read();
            var cache = new HubCache(settings.CacheFolder);
            if (!Directory.Exists(cache.Folder))
            {
                return Finding.Good("hub cache", $"{cache.Folder} (not there yet; pull makes it)");
            }

            AtomicFile.RequireWritable(Path.Combine(cache.Folder, "CACHEDIR.TAG"));
            var models = CachedModel.In(cache).Where(model => model.IsOnnx).ToList();
            return Finding.Good(
                "hub cache",
                $"{cache.Folder}: {models.Count} models of ONNX, {ByteSize.Of(models.Sum(model => model.Bytes))}; {ByteSize.Of(new DriveInfo(cache.Folder).AvailableFreeSpace)} free{(settings.Token is null ? "" : "; a token is set")}{(settings.IsOffline ? "; offline" : "")}");
        }
        catch (RequestException error)
        {
            return new Finding("hub cache", FindingState.Bad, error.Message);
        }
    }

    private static Finding UserConfiguration()
    {
        try
        {
            var names = ModelLocation.ShortNames();
            return Finding.Good("configuration", $"{Configuration.Folder}: {(names.Count == 0 ? "no short names" : $"short names {string.Join(", ", names.Keys)}")}");
        }
        catch (RequestException error)
        {
            return new Finding("configuration", FindingState.Bad, error.Message);
        }
    }

    /// <summary>Paints with the model, and measures the loop against what a matrix product takes here.</summary>
    private static Finding Picture(string modelPath)
    {
        try
        {
            using var pipeline = TextToImagePipeline.Load(modelPath, new PipelineOptions { Device = ExecutionDevice.Cpu });
            var request = PlainRequest.For(new ImageRequest { Prompt = "", Seeds = [1] }, pipeline.Folder);
            _ = pipeline.Generate(request).Last(); // opens the networks
            var picture = pipeline.Generate(request).Last();
            var product = MatrixProduct.Measure(new OnnxRuntimeHost(ExecutionDevice.Cpu, threads: 0));
            var steps = picture.Timings.Denoising;
            var text = string.Create(
                CultureInfo.InvariantCulture,
                $"{picture.Image.Width}x{picture.Image.Height}, {picture.Parameters.Steps} steps in {steps.TotalSeconds:0.00} s; a matrix product of 1024 x 1024 in {product.TotalMilliseconds:0} ms ({MatrixProduct.Operations / product.TotalSeconds / 1e9:0} GFLOP/s)");
            return ProgramOptions.IsEmbedded(modelPath) && steps > product * (ProductsPerPicture * RemarkableFactor)
                ? new Finding("picture", FindingState.Warning, $"{text}: {steps / (product * ProductsPerPicture):0.0} times what such a processor needs; is another program busy, or does a container limit the processor?")
                : Finding.Good("picture", text);
        }
        catch (Exception error) when (error is ModelException or RequestException or DeviceException)
        {
            return new Finding("picture", FindingState.Bad, OptionNames.Message(error));
        }
    }

    private static string Version(Assembly assembly) =>
        assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
