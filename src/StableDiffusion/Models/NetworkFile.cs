namespace StableDiffusion;

/// <summary>Tells what is wrong with a network's files, before ONNX Runtime says it in words of its own.</summary>
internal static class NetworkFile
{
    /// <summary>Requires that the file is a graph and that all weights it keeps in other files are there.</summary>
    /// <param name="path">The network.</param>
    /// <param name="graphs">Where graphs that were read are kept; null where they are not.</param>
    /// <exception cref="ModelException">One is missing, too short, or stands for one that was not downloaded; the message names it.</exception>
    public static void RequireWhole(string path, NetworkGraphs? graphs = null)
    {
        try
        {
            LfsPointer.Refuse(path);
            var graph = graphs?.Of(path) ?? OnnxGraph.Load(path);
            foreach (var weights in graph.Initializers.Where(one => one.File is not null).GroupBy(one => one.File!.Location))
            {
                RequireWeights(path, graph.Folder, weights.Key, weights);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new ModelException($"{path} cannot be read: {OneLine.Of(error.Message)}", error);
        }
    }

    /// <param name="path">The network.</param>
    /// <param name="folder">Where its weights lie.</param>
    /// <param name="location">The file that the graph names.</param>
    /// <param name="weights">What it should hold.</param>
    private static void RequireWeights(string path, string folder, string location, IEnumerable<OnnxInitializer> weights)
    {
        if (!WeightFiles.IsInside(location))
        {
            throw new ModelException($"{path} keeps weights in {OneLine.Quote(OneLine.Shorten(location))}, which is outside its folder. Export it again.");
        }

        var file = Path.Combine(folder, location);
        if (!File.Exists(file))
        {
            throw new ModelException($"{file} is missing, where {path} keeps its weights. Download or export it again.");
        }

        LfsPointer.Refuse(file);
        var (found, expected) = (Length(file), weights.Max(EndOf));
        if (found < expected)
        {
            throw new ModelException(
                $"{file} has {found} bytes where {path} expects at least {expected}: the download ended early, or the files are of two exports. Download or export it again.");
        }
    }

    /// <summary>The byte after a weight; its beginning where the graph does not say how long it is.</summary>
    private static decimal EndOf(OnnxInitializer weight) => (decimal)weight.File!.Offset + (weight.File.Length ?? 0);

    /// <summary>The size of a network with all weights that it keeps in other files; links count as what they lead to.</summary>
    /// <param name="path">The network.</param>
    /// <param name="widened">Whether float16 counts as float32.</param>
    public static long Bytes(string path, bool widened) => Bytes(OnnxGraph.Load(path), widened);

    /// <summary>The same of a graph that is loaded already.</summary>
    public static long Bytes(OnnxGraph graph, bool widened)
    {
        var others = graph.Initializers.Select(one => one.File?.Location).OfType<string>().Where(WeightFiles.IsInside).Select(location => Path.Combine(graph.Folder, location));
        return others.Append(graph.Path).Where(File.Exists).Select(WeightFiles.RealPath).Distinct().Sum(Length)
            + (widened ? graph.Initializers.Where(one => one.ElementType is OnnxElementType.Float16 or OnnxElementType.BFloat16).Sum(BytesOfHalves) : 0);
    }

    private static long BytesOfHalves(OnnxInitializer weight) => (long)Math.Min(weight.Dimensions.Aggregate(2.0, (bytes, size) => bytes * size), 1L << 50);

    private static long Length(string path)
    {
        using var handle = File.OpenHandle(path);
        return RandomAccess.GetLength(handle);
    }
}
