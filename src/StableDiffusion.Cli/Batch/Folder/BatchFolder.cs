using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>The folder a batch paints into, held until the run ends: its lock, its manifest, and the names in it.</summary>
internal sealed class BatchFolder : IDisposable
{
    private readonly string _folder;
    private readonly BatchLock _lock;
    private readonly Manifest _manifest;

    private BatchFolder(string folder, BatchLock ownLock, Manifest manifest, DoneJobs done)
    {
        (_folder, _lock, _manifest, Done) = (folder, ownLock, manifest, done);
    }

    /// <summary>What earlier runs have done.</summary>
    public DoneJobs Done { get; }

    /// <summary>Makes the folder where it is missing, and takes it.</summary>
    /// <exception cref="BatchStopException">It cannot be written, or another run is in it, or one was and <paramref name="resume"/> is false.</exception>
    public static BatchFolder Open(string folder, Shard? shard, bool resume)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new BatchStopException($"the folder {OneLine.Quote(folder)} cannot be made: {OneLine.Of(error.Message)}", error);
        }

        var taken = BatchLock.Take(folder, shard);
        try
        {
            var manifest = Manifest.Open(folder, shard, resume);
            var done = new DoneJobs(folder, resume ? Manifest.Read(folder) : []);
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

    /// <summary>
    /// Writes a picture and then its manifest line; both are on disk when this returns. Killed in between, the next run takes the picture
    /// away again, so that none is there twice.
    /// </summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="wanted">Its name, relative to the folder.</param>
    /// <param name="owned">Whether the name is this picture's from an earlier run, or one that must be free.</param>
    /// <param name="describe">Makes the manifest line for a path.</param>
    /// <returns>The path.</returns>
    public string Write(byte[] file, string wanted, bool owned, Func<string, JsonObject> describe)
    {
        try
        {
            var relative = owned ? WriteAs(wanted) : PictureFile.WriteNew(wanted, IsTaken, WriteAs);
            _manifest.Append(describe(relative.Replace('\\', '/')));
            return PathOf(relative);
        }
        catch (Exception error) when (error is RequestException or (IOException and not BatchStopException) or UnauthorizedAccessException)
        {
            throw new BatchStopException(OneLine.Of(error.Message), error);
        }

        string WriteAs(string relative)
        {
            _lock.Announce(relative);
            if (Path.GetDirectoryName(relative) is { Length: > 0 } inner && Directory.Exists(_folder))
            {
                Directory.CreateDirectory(PathOf(inner));
            }

            AtomicFile.Write(PathOf(relative), stream => stream.Write(file), overwrite: owned);
            return relative;
        }
    }

    /// <summary>Says that the run has come to its end.</summary>
    public void Finish() => _lock.Finish();

    public void Dispose()
    {
        _manifest.Dispose();
        _lock.Dispose();
    }

    private string PathOf(string relative) => _folder == "." ? relative : Path.Combine(_folder, relative);

    private bool IsTaken(string relative) => File.Exists(PathOf(relative)) || Done.Owns(relative.Replace('\\', '/'));

    private void RemoveUnfinished(bool alone)
    {
        if (_lock.Unfinished() is not { } relative || !InnerPath.IsPictureIn(_folder, relative))
        {
            return;
        }

        if (!Done.Owns(relative.Replace('\\', '/')))
        {
            File.Delete(PathOf(relative));
        }

        // Another shard may be writing one right now.
        if (alone)
        {
            foreach (var file in Directory.EnumerateFiles(_folder, AtomicFile.TemporaryPattern, SearchOption.AllDirectories))
            {
                File.Delete(file);
            }
        }
    }
}
