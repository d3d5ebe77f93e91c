using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion;

/// <summary>
/// Keeps networks as ONNX Runtime has optimised them, with weights laid out as its kernels read them, in a folder of their own: opened from
/// there, a network is neither optimised nor laid out anew, and its weights are mapped from the file instead of copied.
/// </summary>
/// <remarks>
/// An entry is a folder named by a hash over all that it depends on: the graph with its edits, path, size and time of every file with weights, ONNX
/// Runtime's version, and the processor, since layouts differ between processors. It is made under another name and appears when it is whole, so that
/// several programs may write. A network has one entry a processor: a newer one takes the place of an older. Weights are not hashed: who
/// changes a file in place and puts its time back is given the old network.
/// </remarks>
/// <param name="folder">Where entries lie; made when it is needed.</param>
/// <param name="host">The device; only the CPU's networks are kept.</param>
/// <param name="warn">Told why a network could not be kept; it is opened all the same.</param>
internal sealed class GraphCache(string folder, OnnxRuntimeHost host, Action<string> warn)
{
    /// <summary>How the names of entries begin that are being made.</summary>
    internal const string Unfinished = ".sd-";

    /// <summary>Networks with fewer bytes of weights open quickly as they are.</summary>
    public long SmallestBytes { get; init; } = 64 << 20;

    /// <summary>Whether networks can be kept on this device with these settings: those that a caller changes are not known here.</summary>
    public bool IsUsable => host is { DeviceName: "cpu", IsConfigured: false };

    /// <summary>Opens a graph from its entry, which is made first where there is none.</summary>
    /// <param name="graph">The graph with its edits.</param>
    /// <param name="last">A last edit, which takes time and is made only for a new entry; null for none.</param>
    /// <returns>Null where the network is not to be kept, or cannot be.</returns>
    public OnnxModel? Open(OnnxGraph graph, IGraphEdit? last = null)
    {
        if (!IsUsable || NetworkFile.Bytes(graph, widened: false) is var bytes && bytes < SmallestBytes)
        {
            return null;
        }

        try
        {
            var place = Path.Combine(folder, KeyOf(graph, last));
            if (TryOpen(graph, GraphCacheEntry.At(place)) is { } kept)
            {
                return kept;
            }

            last?.Apply(graph);
            Make(graph, place, bytes);
            return TryOpen(graph, GraphCacheEntry.At(place));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or OnnxRuntimeException)
        {
            warn($"{graph.Path} could not be kept in {folder}: {OneLine.Of(error.Message)}");
            return null;
        }
    }

    private OnnxModel? TryOpen(OnnxGraph graph, GraphCacheEntry entry)
    {
        if (!entry.IsWhole)
        {
            return null;
        }

        try
        {
            var model = OnnxModel.OpenOptimized(graph.Path, entry.Network, host);
            entry.IsUsedNow();
            return model;
        }
        catch (ModelException)
        {
            entry.Remove(); // damaged: it is made anew
            return null;
        }
    }

    private void Make(OnnxGraph graph, string place, long bytes)
    {
        Directory.CreateDirectory(folder);
        foreach (var old in Directory.EnumerateDirectories(folder, Unfinished + "*").Where(one => Directory.GetLastWriteTimeUtc(one) < DateTime.UtcNow.AddDays(-1)))
        {
            Directory.Delete(old, recursive: true);
        }

        // Layouts pad what they lay out; measured 1.31 times at Stable Diffusion 1.5's size.
        var (needed, free) = (bytes / 2 * 3, new DriveInfo(folder).AvailableFreeSpace);
        if (free < needed)
        {
            throw new IOException($"it takes {needed >> 20} MiB, and {free >> 20} MiB are free.");
        }

        var unfinished = GraphCacheEntry.At(Path.Combine(folder, $"{Unfinished}{Guid.NewGuid():N}"));
        Directory.CreateDirectory(unfinished.Path);
        try
        {
            using (var options = host.CreateSessionOptions())
            {
                options.OptimizedModelFilePath = unfinished.Network;
                options.AddSessionConfigEntry("session.optimized_model_external_initializers_file_name", GraphCacheEntry.WeightsName);
                options.AddSessionConfigEntry("session.optimized_model_external_initializers_file_min_size_in_bytes", "1024");
                options.AddSessionConfigEntry("session.save_external_prepacked_constant_initializers", "1");
                graph.Open(options).Dispose();
            }

            unfinished.Complete(graph.Path, Processor());
            foreach (var older in GraphCacheEntry.In(folder).Where(one => unfinished.Replaces(one, place)))
            {
                older.Remove();
            }

            Place(unfinished, place);
        }
        finally
        {
            unfinished.Remove();
        }
    }

    private static void Place(GraphCacheEntry made, string place)
    {
        if (!GraphCacheEntry.At(place).IsWhole)
        {
            GraphCacheEntry.At(place).Remove();
        }

        try
        {
            Directory.Move(made.Path, place);
        }
        catch (IOException) when (Directory.Exists(place))
        {
            // Another program was sooner; its entry is as good.
        }
    }

    private static string KeyOf(OnnxGraph graph, IGraphEdit? last)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Add(string text) => hash.AppendData(Encoding.UTF8.GetBytes(text + '\0'));
        hash.AppendData(graph.ToBytes());
        Add(Path.GetFullPath(graph.Path));
        foreach (var location in graph.Initializers.Select(one => one.File?.Location).OfType<string>().Distinct().Order(StringComparer.Ordinal))
        {
            var file = new FileInfo(WeightFiles.RealPath(Path.Combine(graph.Folder, location)));
            Add($"{file.FullName}\0{file.Length}\0{file.LastWriteTimeUtc.Ticks}");
        }

        Add(last?.Key ?? "");
        Add(OnnxRuntimeEnvironment.Instance.GetVersionString());
        Add(Processor());
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16));
    }

    /// <summary>What tells processors apart whose kernels want weights in other layouts.</summary>
    private static string Processor()
    {
        const string file = "/proc/cpuinfo";
        string[] lines = File.Exists(file)
            ? [.. File.ReadLines(file).TakeWhile(line => line.Length > 0)
                .Where(line => line.Split(':')[0].Trim() is "vendor_id" or "cpu family" or "model" or "flags" or "Features" or "CPU implementer" or "CPU part")]
            : [$"{Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER")} {System.Runtime.Intrinsics.Vector512.IsHardwareAccelerated}"];
        var text = $"{System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture} {string.Join(' ', lines)}";
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 8));
    }
}
