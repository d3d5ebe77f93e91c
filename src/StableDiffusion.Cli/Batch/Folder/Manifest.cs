using System.Globalization;
using System.Security.Cryptography;
using System.Text;
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

    /// <summary>The manifest of a run, in whatever folder.</summary>
    public static string NameOf(Shard? shard) => shard is { } part ? $"manifest.{part.Suffix}.jsonl" : "manifest.jsonl";

    /// <summary>Opens or creates the manifest of a run; a last line that was cut off is cut away.</summary>
    /// <exception cref="BatchStopException">There is one of an earlier run, and <paramref name="resume"/> is false.</exception>
    /// <exception cref="RequestException">It cannot be written.</exception>
    public static Manifest Open(string folder, Shard? shard, bool resume)
    {
        var path = Path.Combine(folder, NameOf(shard));
        var exists = File.Exists(path);
        if (exists && !resume && new FileInfo(path).Length > 0)
        {
            throw new BatchStopException($"{OneLine.Quote(path)} is of an earlier run; continue it with --resume or choose another folder.");
        }

        try
        {
            var manifest = new Manifest(folder, path, exists);
            manifest.EndLastLine();
            return manifest;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new RequestException($"{OneLine.Quote(path)} cannot be written: {OneLine.Of(error.Message.Split(" : '")[0])}", error);
        }
    }

    /// <summary>Whether a folder has a manifest of a run or of a shard.</summary>
    public static bool IsIn(string folder) => Directory.EnumerateFiles(folder, Pattern).Any();

    /// <summary>The lines of all manifests of a folder.</summary>
    public static IEnumerable<ManifestLine> Read(string folder)
    {
        foreach (var path in Directory.EnumerateFiles(folder, Pattern).Order(StringComparer.Ordinal))
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            file.Position = Math.Max(0, file.Length - 1);
            var isTorn = file.ReadByte() != '\n';
            file.Position = 0;
            using var reader = new StreamReader(file);
            for (var number = 1; reader.ReadLine() is { } line; number++)
            {
                if (line.Length > 0)
                {
                    var entry = Parse(line) is { } one && InnerPath.IsPictureIn(folder, (string)one["path"]!) ? one : null;
                    yield return new ManifestLine(path, number, isTorn && reader.EndOfStream, entry);
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

    /// <summary>Cuts a torn line away; one that lacks only its end, as an editor may leave it, gets that.</summary>
    private void EndLastLine()
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

        var last = new byte[_file.Length - end];
        _file.Position = end;
        _file.ReadExactly(last);
        if (last.Length > 0 && Parse(Encoding.UTF8.GetString(last)) is not null)
        {
            _file.WriteByte((byte)'\n');
        }
        else
        {
            _file.SetLength(end);
        }
    }

    private static JsonObject? Parse(string line) =>
        StrictJson.TryParseObject(line) is { } entry && IsText(entry, "id") && IsText(entry, "path") && IsText(entry, "sha256")
        && IsNumberOrAbsent(entry, "image") && IsNumberOrAbsent(entry, "images") && IsNumberOrAbsent(entry, "index") && (entry["model"] is null || IsText(entry, "model"))
            ? entry
            : null;

    private static bool IsNumberOrAbsent(JsonObject entry, string name) => entry[name] is null || (entry[name] is JsonValue value && value.TryGetValue<int>(out _));

    private static bool IsText(JsonObject entry, string name) => FolderJson.Text(entry, name) is not null;
}

/// <summary>A line of a manifest.</summary>
/// <param name="File">The manifest.</param>
/// <param name="Number">Which line of it, counted from 1.</param>
/// <param name="IsTorn">Whether its end is missing: another shard may be writing it right now.</param>
/// <param name="Entry">What it says; null where that is not understood, or is of no picture in the folder.</param>
internal readonly record struct ManifestLine(string File, int Number, bool IsTorn, JsonObject? Entry)
{
    /// <summary>Where it stands, for messages.</summary>
    public string Place => string.Create(CultureInfo.InvariantCulture, $"{OneLine.Quote(File)}, line {Number}");
}
