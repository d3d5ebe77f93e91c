using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>
/// Keeps a second run out of a folder, and remembers which picture is being written. The lock is the operating system's and so ends with
/// the process, however it ends; its file stays. Runs of different shards share a folder; one of the whole batch has it alone.
/// </summary>
internal sealed class BatchLock : IDisposable
{
    private const string FileName = ".sd-batch.lock";

    private readonly List<FileStream> _locks = [];
    private readonly string _notePath;
    private FileStream? _note;

    private BatchLock(string folder, Shard? shard)
    {
        _notePath = Path.Combine(folder, $".sd-batch{(shard is { } part ? "." + part.Suffix : "")}.json");
        if (shard is { } one)
        {
            _locks.Add(Take(folder, FileName, alone: false, ".sd-batch.json"));
            _locks.Add(Take(folder, $".sd-batch.{one.Suffix}.lock", alone: true, Path.GetFileName(_notePath)));
        }
        else
        {
            _locks.Add(Take(folder, FileName, alone: true, ".sd-batch*.json"));
        }
    }

    /// <summary>Takes the lock of a folder that exists.</summary>
    /// <exception cref="BatchStopException">Another run has it.</exception>
    public static BatchLock Take(string folder, Shard? shard) => new(folder, shard);

    /// <summary>The picture, relative to the folder, that a run was writing when it was killed; null for none.</summary>
    public string? Unfinished() => ReadNote(_notePath)?["writing"] is JsonValue value && value.TryGetValue<string>(out var path) ? path : null;

    /// <summary>Notes, on disk before this returns, that a picture is about to be written.</summary>
    public void Announce(string relativePath)
    {
        _note ??= new FileStream(_notePath, FileMode.Create, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        var note = new JsonObject { ["pid"] = Environment.ProcessId, ["host"] = Environment.MachineName, ["writing"] = relativePath };

        // One write of one line: what an earlier, longer one leaves behind it is not read.
        _note.Position = 0;
        _note.Write(Encoding.UTF8.GetBytes(note.ToJsonString() + "\n"));
        _note.Flush(flushToDisk: true);
    }

    /// <summary>Says that nothing is being written.</summary>
    public void Finish()
    {
        _note?.Dispose();
        _note = null;
        File.Delete(_notePath);
    }

    public void Dispose()
    {
        _note?.Dispose();
        _locks.ForEach(file => file.Dispose());
    }

    private static FileStream Take(string folder, string name, bool alone, string notes)
    {
        var path = Path.Combine(folder, name);
        try
        {
            if (!File.Exists(path))
            {
                File.Open(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite).Dispose();
            }

            return alone
                ? new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None)
                : new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        }
        catch (UnauthorizedAccessException)
        {
            throw new BatchStopException($"no permission to write in {OneLine.Quote(folder)}; choose another folder.");
        }
        catch (IOException error) when (IsTaken(error))
        {
            var holders = Directory.EnumerateFiles(folder, notes).Select(ReadNote).OfType<JsonObject>()
                .Select(note => $" (process {note["pid"]} on {note["host"]})");
            throw new BatchStopException(
                $"another run{holders.FirstOrDefault()} is painting into {OneLine.Quote(folder)}; wait until it has ended or choose another folder.");
        }
        catch (IOException error)
        {
            throw new BatchStopException($"{OneLine.Quote(folder)} cannot be written: {OneLine.Of(error.Message.Split(" : '")[0])}");
        }
    }

    // EWOULDBLOCK on Linux and on macOS, ERROR_SHARING_VIOLATION on Windows.
    private static bool IsTaken(IOException error) => (error.HResult & 0xFFFF) is 11 or 35 or 32;

    private static JsonObject? ReadNote(string path)
    {
        try
        {
            using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
            return JsonNode.Parse(reader.ReadLine() ?? "") as JsonObject;
        }
        catch (Exception error) when (error is IOException or JsonException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
