using System.Text.Json;
using System.Text.Json.Nodes;

namespace StableDiffusion;

/// <summary>One network in the cache of optimised graphs: a folder with the graph, its weights, and a note that is written last.</summary>
internal sealed class GraphCacheEntry
{
    /// <summary>The file of the weights, beside the graph.</summary>
    public const string WeightsName = "model.onnx_data";

    private const string NetworkName = "model.onnx";
    private const string NoteName = "entry.json";

    private GraphCacheEntry(string path) => Path = path;

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The graph.</summary>
    public string Network => System.IO.Path.Combine(Path, NetworkName);

    /// <summary>The network it was made of; empty for a folder that is no whole entry.</summary>
    public string Source { get; private set; } = "";

    /// <summary>Tells the processor it was made for.</summary>
    public string Processor { get; private set; } = "";

    /// <summary>Whether all that was written is still there, by its size.</summary>
    public bool IsWhole { get; private init; }

    /// <summary>Bytes on the disk.</summary>
    public long Bytes => Directory.Exists(Path) ? new DirectoryInfo(Path).EnumerateFiles().Sum(file => file.Length) : 0;

    /// <summary>When it was last opened.</summary>
    public DateTime LastUsed => File.GetLastWriteTimeUtc(Note);

    private string Note => System.IO.Path.Combine(Path, NoteName);

    /// <summary>The entry in a folder, as it is now.</summary>
    public static GraphCacheEntry At(string path)
    {
        try
        {
            var note = JsonNode.Parse(File.ReadAllText(System.IO.Path.Combine(path, NoteName)))!;
            return new GraphCacheEntry(path)
            {
                Source = (string)note["source"]!,
                Processor = (string)note["processor"]!,
                IsWhole = (long)note["graph_bytes"]! == LengthOf(path, NetworkName) && (long)note["weight_bytes"]! == LengthOf(path, WeightsName),
            };
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException or NullReferenceException or ArgumentException or FormatException)
        {
            return new GraphCacheEntry(path);
        }
    }

    /// <summary>All whole entries of a cache, by the network they were made of.</summary>
    public static IReadOnlyList<GraphCacheEntry> In(string folder) => !Directory.Exists(folder) ? [] :
        [.. Directory.EnumerateDirectories(folder).Where(path => !IsUnfinished(path)).Select(At).Where(entry => entry.Source.Length > 0).OrderBy(entry => entry.Source, StringComparer.Ordinal)];

    /// <summary>Writes the note: the entry is whole.</summary>
    public void Complete(string source, string processor)
    {
        var note = new JsonObject
        {
            ["source"] = source = System.IO.Path.GetFullPath(source),
            ["processor"] = processor,
            ["graph_bytes"] = LengthOf(Path, NetworkName),
            ["weight_bytes"] = LengthOf(Path, WeightsName),
        };
        AtomicFile.Write(Note, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(note.ToJsonString())));
        (Source, Processor) = (source, processor);
    }

    /// <summary>Whether another entry is of the same network, for the same processor, and lies elsewhere than where this one is to lie.</summary>
    public bool Replaces(GraphCacheEntry other, string place) => other.Path != place && (other.Source, other.Processor) == (Source, Processor);

    private static bool IsUnfinished(string path) => System.IO.Path.GetFileName(path).StartsWith(GraphCache.Unfinished, StringComparison.Ordinal);

    public void IsUsedNow()
    {
        try
        {
            File.SetLastWriteTimeUtc(Note, DateTime.UtcNow);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A cache that may only be read serves all the same.
        }
    }

    /// <summary>Removes it, whole or not.</summary>
    public void Remove()
    {
        try
        {
            Directory.Delete(Path, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // It never was, or another program was sooner.
        }
    }

    private static long LengthOf(string folder, string name)
    {
        var file = new FileInfo(System.IO.Path.Combine(folder, name));
        return file.Exists ? file.Length : 0;
    }
}
