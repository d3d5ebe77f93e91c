using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>The folder a batch paints into, held until the run ends: its lock, its manifest, and the names in it.</summary>
internal sealed class BatchFolder : IDisposable
{
    /// <summary>Everything below the folder but what other users keep to themselves (lost+found) and what links lead to.</summary>
    private static readonly EnumerationOptions _below = new() { RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = FileAttributes.ReparsePoint };

    private readonly string _folder;
    private readonly BatchLock _lock;
    private readonly Manifest _manifest;

    private BatchFolder(string folder, BatchLock ownLock, Manifest manifest, DoneJobs done)
    {
        (_folder, _lock, _manifest, Done) = (folder, ownLock, manifest, done);
    }

    /// <summary>What earlier runs have done.</summary>
    public DoneJobs Done { get; }

    /// <summary>Fails, before the model is opened, where the folder cannot be made or written.</summary>
    /// <exception cref="RequestException">It cannot; the message says why.</exception>
    public static void RequireWritable(string folder, Shard? shard) => AtomicFile.RequireWritable(Path.Combine(folder, Manifest.NameOf(shard)), makesFolders: true);

    /// <summary>Makes the folder where it is missing, and takes it.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="shard">The part of the batch that this run paints; null for the whole.</param>
    /// <param name="resume">Whether an earlier run is gone on with.</param>
    /// <param name="warn">Told what of that run is not understood.</param>
    /// <exception cref="RequestException">It cannot be written.</exception>
    /// <exception cref="BatchStopException">Another run is in it, or one was and <paramref name="resume"/> is false.</exception>
    public static BatchFolder Open(string folder, Shard? shard, bool resume, Action<string> warn)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new RequestException($"the folder {OneLine.Quote(folder)} cannot be made: {OneLine.Of(error.Message)}", error);
        }

        var taken = BatchLock.Take(folder, shard);
        try
        {
            var manifest = Manifest.Open(folder, shard, resume);
            var done = new DoneJobs(folder, resume ? Understood(folder, warn) : []);
            var batch = new BatchFolder(folder, taken, manifest, done);
            if (resume)
            {
                batch.RemoveUnfinished(alone: shard is null);
            }

            return batch;
        }
        catch
        {
            taken.Dispose();
            throw;
        }
    }

    /// <summary>Fails, before a picture is painted, where it could not be written.</summary>
    /// <param name="wanted">Its name, relative to the folder.</param>
    /// <exception cref="RequestException">It cannot have that name.</exception>
    /// <exception cref="BatchStopException">None could be written.</exception>
    public void RequireWritable(string wanted)
    {
        if (IsTaken(wanted))
        {
            return;
        }

        try
        {
            RequireInner(wanted);
            AtomicFile.RequireWritable(PathOf(wanted), makesFolders: true);
        }
        catch (RequestException error)
        {
            throw Refusal(error, other => AtomicFile.RequireWritable(other));
        }
    }

    /// <summary>
    /// Writes a picture and then its manifest line; both are on disk when this returns. Killed in between, the next run takes the picture
    /// away again, so that none is there twice.
    /// </summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="wanted">Its name, relative to the folder.</param>
    /// <param name="owned">Whether the name is this picture's from an earlier run, or one that must be free.</param>
    /// <param name="describe">Makes the manifest line for a path and the file's hash.</param>
    /// <returns>The path.</returns>
    /// <exception cref="RequestException">It cannot have that name; nothing was written.</exception>
    /// <exception cref="BatchStopException">It is for another reason that it cannot be written.</exception>
    public string Write(byte[] file, string wanted, bool owned, Func<string, string, JsonObject> describe)
    {
        var sha256 = PictureFile.HashOf(file);
        string relative;
        try
        {
            relative = owned ? WriteAs(wanted) : PictureFile.WriteNew(wanted, IsTaken, WriteAs);
        }
        catch (Exception error) when (IsOfWriting(error))
        {
            var refusal = Refusal(error, other =>
            {
                AtomicFile.Write(other, stream => stream.Write(file));
                File.Delete(other);
            });
            _lock.Clear();
            throw refusal;
        }

        try
        {
            _manifest.Append(describe(InnerPath.Portable(relative), sha256));
        }
        catch (Exception error) when (IsOfWriting(error))
        {
            throw new BatchStopException(OneLine.Of(error.Message), error);
        }

        _lock.Clear();
        return PathOf(relative);

        string WriteAs(string relative)
        {
            _lock.Announce(InnerPath.Portable(relative), sha256);
            RequireInner(relative);
            if (Path.GetDirectoryName(relative) is { Length: > 0 } inner && Directory.Exists(_folder) && !Directory.Exists(PathOf(inner)))
            {
                AtomicFile.RequireWritable(PathOf(relative), makesFolders: true);
                Directory.CreateDirectory(PathOf(inner));
            }

            AtomicFile.Write(PathOf(relative), stream => stream.Write(file), overwrite: owned);
            return relative;
        }
    }

    public void Dispose()
    {
        _manifest.Dispose();
        _lock.Dispose();
    }

    private string PathOf(string relative) => _folder == "." ? relative : Path.Combine(_folder, relative);

    private bool IsTaken(string relative) => File.Exists(PathOf(relative)) || Done.Owns(InnerPath.Portable(relative));

    private void RequireInner(string relative)
    {
        if (!InnerPath.IsPictureIn(_folder, relative))
        {
            throw new RequestException($"{OneLine.Quote(PathOf(relative))} leads through a link out of the batch's folder; give --output the folder that it leads to, or another name.");
        }
    }

    /// <summary>What an error of writing means: where another name in the folder can be written, that one name is at fault; where none can, the run ends.</summary>
    private Exception Refusal(Exception error, Action<string> write)
    {
        try
        {
            write(AtomicFile.TemporaryIn(_folder));
            return error as RequestException ?? new RequestException(OneLine.Of(error.Message), error);
        }
        catch (Exception other) when (IsOfWriting(other))
        {
            return new BatchStopException(OneLine.Of(error.Message), error);
        }
    }

    private static bool IsOfWriting(Exception error) => error is RequestException or (IOException and not BatchStopException) or UnauthorizedAccessException;

    private static IEnumerable<JsonObject> Understood(string folder, Action<string> warn)
    {
        foreach (var line in Manifest.Read(folder))
        {
            if (line.Entry is { } entry)
            {
                yield return entry;
            }
            else if (!line.IsTorn)
            {
                warn($"{line.Place} is no manifest line of a picture in this folder and is left out.");
            }
        }
    }

    private void RemoveUnfinished(bool alone)
    {
        // What the killed run wrote, or the empty file in its place: another file of that name is somebody's.
        if (_lock.Unfinished() is var (path, sha256) && InnerPath.IsPictureIn(_folder, path) && !Done.Owns(path)
            && (Manifest.IsWhole(_folder, path, sha256) || new FileInfo(PathOf(path)) is { Exists: true, Length: 0 }))
        {
            File.Delete(PathOf(path));
        }

        _lock.Forget();

        // Another shard may be writing one right now.
        if (alone)
        {
            foreach (var file in Directory.EnumerateFiles(_folder, AtomicFile.TemporaryPattern, _below))
            {
                try
                {
                    File.Delete(file);
                }
                catch (UnauthorizedAccessException)
                {
                    // In a folder of another user's: none that this batch paints into.
                }
            }
        }
    }
}
