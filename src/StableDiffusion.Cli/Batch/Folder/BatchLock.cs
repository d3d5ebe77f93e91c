using System.Text;
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
    private bool _isWriting;

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
    /// <exception cref="RequestException">It cannot be written.</exception>
    public static BatchLock Take(string folder, Shard? shard) => new(folder, shard);

    /// <summary>The picture, relative to the folder, and its SHA-256, that a run was writing when it was killed; null for none.</summary>
    public (string Path, string Sha256)? Unfinished() =>
        ReadNote(_notePath) is { } note && FolderJson.Text(note, "writing") is { } path ? (path, FolderJson.Text(note, "sha256") ?? "") : null;

    /// <summary>Notes, on disk before this returns, that a picture is about to be written.</summary>
    /// <exception cref="BatchStopException">The note cannot be written.</exception>
    public void Announce(string relativePath, string sha256)
    {
        try
        {
            Write(new JsonObject { ["writing"] = relativePath, ["sha256"] = sha256 });
            _note!.Flush(flushToDisk: true);
            _isWriting = true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new BatchStopException($"{OneLine.Quote(_notePath)} cannot be written: {OneLine.Of(error.Message.Split(" : '")[0])}", error);
        }
    }

    /// <summary>Notes that the picture has its manifest line, or will not be written.</summary>
    public void Clear()
    {
        try
        {
            Write(new JsonObject());
            _isWriting = false;
        }
        catch (IOException)
        {
            // The note stays; whoever reads it finds the picture's manifest line, or no picture.
        }
    }

    /// <summary>Removes the note of an earlier run.</summary>
    public void Forget() => File.Delete(_notePath);

    /// <summary>Lets the folder go. A note stays only where a picture may be there without its manifest line.</summary>
    public void Dispose()
    {
        _note?.Dispose();
        if (_note is not null && !_isWriting)
        {
            try
            {
                Forget();
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // The folder is gone, or no longer ours; the note says that nothing is being written.
            }
        }

        _locks.ForEach(file => file.Dispose());
    }

    // One write of one line: what an earlier, longer one leaves behind it is not read.
    private void Write(JsonObject note)
    {
        _note ??= new FileStream(_notePath, FileMode.Create, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        note["pid"] = Environment.ProcessId;
        note["host"] = Environment.MachineName;
        _note.Position = 0;
        _note.Write(Encoding.UTF8.GetBytes(note.ToJsonString() + "\n"));
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
            throw new RequestException($"no permission to write in {OneLine.Quote(folder)}; choose another folder.");
        }
        catch (IOException error) when (IsTaken(error))
        {
            var holders = Directory.EnumerateFiles(folder, notes).Select(ReadNote).OfType<JsonObject>()
                .Select(note => OneLine.Reason($"(process {note["pid"]} on {note["host"]})"));
            throw new BatchStopException(
                $"another run{(holders.FirstOrDefault() is { } holder ? $" {holder}" : "")} is painting into {OneLine.Quote(folder)}; wait until it has ended or choose another folder.");
        }
        catch (IOException error)
        {
            throw new RequestException($"{OneLine.Quote(folder)} cannot be written: {OneLine.Of(error.Message.Split(" : '")[0])}", error);
        }
    }

    // EWOULDBLOCK on Linux and on macOS, ERROR_SHARING_VIOLATION on Windows.
    private static bool IsTaken(IOException error) => (error.HResult & 0xFFFF) is 11 or 35 or 32;

    private static JsonObject? ReadNote(string path)
    {
        try
        {
            using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
            return StrictJson.TryParseObject(reader.ReadLine() ?? "");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
