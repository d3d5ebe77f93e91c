using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>
/// <c>manifest.jsonl</c>: one line for each picture that is whole and on disk, written when it is. A shard has one of its own,
/// <c>manifest.2-of-4.jsonl</c>. Paths are relative to the folder.
/// </summary>
internal sealed class Manifest : IDisposable
{
    public const string Pattern = "manifest*.jsonl";

    private readonly string _folder;
    private readonly string _path;
    private readonly FileStream _file;

    private Manifest(string folder, string path, bool exists)
    {
        (_folder, _path) = (folder, path);
        _file = new FileStream(path, exists ? FileMode.Open : FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete, bufferSize: 0);
    }

    /// <summary>Opens or creates the manifest of a run; a last line that was cut off is cut away.</summary>
    /// <exception cref="BatchStopException">There is one of an earlier run, and <paramref name="resume"/> is false.</exception>
    public static Manifest Open(string folder, Shard? shard, bool resume)
    {
        var path = Path.Combine(folder, NameOf(shard));
        var exists = File.Exists(path);
        if (exists && !resume)
        {
            throw new BatchStopException($"{OneLine.Quote(path)} is of an earlier run; continue it with --resume or choose another folder.");
        }

        try
        {
            var manifest = new Manifest(folder, path, exists);
            manifest.CutTornLine();
            return manifest;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new BatchStopException($"{OneLine.Quote(path)} cannot be written: {OneLine.Of(error.Message.Split(" : '")[0])}", error);
        }
    }

    /// <summary>The lines of all manifests of a folder; such as cannot be read are skipped.</summary>
    public static IEnumerable<JsonObject> Read(string folder)
    {
        foreach (var path in Directory.EnumerateFiles(folder, Pattern).Order(StringComparer.Ordinal))
        {
            using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
            while (reader.ReadLine() is { } line)
            {
                if (Parse(line) is { } entry && InnerPath.IsPictureIn(folder, (string)entry["path"]!))
                {
                    yield return entry;
                }
            }
        }
    }

    /// <summary>Whether the picture of a manifest line is on disk as it was written.</summary>
    public static bool IsWhole(string folder, string relativePath, string sha256)
    {
        try
        {
            using var file = File.OpenRead(Path.Combine(folder, relativePath));
            return Convert.ToHexStringLower(SHA256.HashData(file)) == sha256;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Adds the line of one picture; it is on disk when this returns.</summary>
    public void Append(JsonObject line)
    {
        // The file of a folder that was deleted can still be written to, but nobody will find it.
        if (!File.Exists(_path))
        {
            throw new BatchStopException($"{OneLine.Quote(_folder)} or the manifest in it was removed while the batch ran.");
        }

        _file.Seek(0, SeekOrigin.End);
        _file.Write(Encoding.UTF8.GetBytes(ResultJson.ToText(line) + "\n"));
        _file.Flush(flushToDisk: true);
    }

    public void Dispose() => _file.Dispose();

    private static string NameOf(Shard? shard) => shard is { } part ? $"manifest.{part.Suffix}.jsonl" : "manifest.jsonl";

    private void CutTornLine()
    {
        var end = _file.Length;
        while (end > 0)
        {
            _file.Position = end - 1;
            if (_file.ReadByte() == '\n')
            {
                break;
            }

            end--;
        }

        _file.SetLength(end);
    }

    private static JsonObject? Parse(string line)
    {
        try
        {
            return JsonNode.Parse(line) as JsonObject is { } entry && Text(entry, "id") is not null && Text(entry, "path") is not null && Text(entry, "sha256") is not null
                && IsNumberOrAbsent(entry, "image") && IsNumberOrAbsent(entry, "images") && IsNumberOrAbsent(entry, "index") && IsTextOrAbsent(entry, "model")
                ? entry
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static bool IsNumberOrAbsent(JsonObject entry, string name) => entry[name] is null || (entry[name] is JsonValue value && value.TryGetValue<int>(out _));

    private static bool IsTextOrAbsent(JsonObject entry, string name) => entry[name] is null || Text(entry, name) is not null;

    private static string? Text(JsonObject entry, string name) => entry[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
