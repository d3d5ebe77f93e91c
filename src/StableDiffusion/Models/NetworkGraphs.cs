using System.Collections.Concurrent;

namespace StableDiffusion;

/// <summary>The graphs of a model's networks as their files have them, each read once however many look at it, and again where its file has changed.</summary>
internal sealed class NetworkGraphs
{
    private readonly ConcurrentDictionary<string, (OnnxGraph Graph, string Stamp)> _read = [];

    /// <summary>A network's graph, to be looked at and not to be edited.</summary>
    /// <exception cref="ModelException">The file is missing, unreadable, or no whole ONNX model.</exception>
    public OnnxGraph Of(string path)
    {
        var stamp = StampOf(path);
        if (_read.TryGetValue(path, out var read) && read.Stamp == stamp)
        {
            return read.Graph;
        }

        var graph = OnnxGraph.Load(path);
        _read[path] = (graph, stamp);
        return graph;
    }

    /// <summary>A network's graph for one who edits it: whoever asks next gets another.</summary>
    /// <inheritdoc cref="Of"/>
    public OnnxGraph Take(string path) => _read.TryRemove(path, out var read) && read.Stamp == StampOf(path) ? read.Graph : OnnxGraph.Load(path);

    private static string StampOf(string path) => FileStamp.Of(WeightFiles.RealPath(path));
}
