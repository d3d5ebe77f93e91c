namespace StableDiffusion.Cli;

/// <summary>One repository's part of the cache.</summary>
/// <param name="folder"><c>models--OWNER--NAME</c>.</param>
/// <param name="name">The repository.</param>
/// <param name="lockFolder">Where programs that write the same blob find each other.</param>
internal sealed class HubRepository(string folder, HubName name, string lockFolder)
{
    private static readonly TimeSpan _betweenLooks = TimeSpan.FromMilliseconds(100);

    public string Folder => folder;

    public HubName Name => name;

    public bool Exists => Directory.Exists(folder);

    private string RefPath(string revision) => Path.Combine(folder, "refs", Path.Combine(revision.Split('/')));

    public string BlobPath(string hash) => Path.Combine(folder, "blobs", hash);

    public string SnapshotPath(string commit) => Path.Combine(folder, "snapshots", commit);

    /// <summary>The commits that lie here, the one used last first.</summary>
    public IReadOnlyList<string> Commits => Directory.Exists(Path.Combine(folder, "snapshots"))
        ? [.. new DirectoryInfo(Path.Combine(folder, "snapshots")).EnumerateDirectories().OrderByDescending(one => one.LastWriteTimeUtc).Select(one => one.Name)]
        : [];

    /// <summary>The folder of a revision, without asking the hub; null where it is not here.</summary>
    public string? FindSnapshot(HubName wanted)
    {
        var commit = wanted.IsCommit ? wanted.Revision : ReadRef(wanted.Revision);
        return commit is not null && Directory.Exists(SnapshotPath(commit)) ? SnapshotPath(commit) : null;
    }

    /// <summary>The commit that a branch or tag stood for when it was last fetched.</summary>
    public string? ReadRef(string revision)
    {
        var path = RefPath(revision);
        var commit = File.Exists(path) ? File.ReadAllText(path).Trim() : null;
        return commit is not null && (name with { Revision = commit }).IsCommit ? commit : null;
    }

    /// <summary>Every branch and tag that is remembered, with its commit.</summary>
    public IReadOnlyList<(string Name, string Commit)> Refs()
    {
        var refs = Path.Combine(folder, "refs");
        return Directory.Exists(refs)
            ? [.. Directory.EnumerateFiles(refs, "*", SearchOption.AllDirectories)
                .Select(path => Path.GetRelativePath(refs, path).Replace('\\', '/'))
                .Order(StringComparer.Ordinal)
                .Select(branch => (branch, ReadRef(branch)))
                .Where(one => one.Item2 is not null).Select(one => (one.branch, one.Item2!))]
            : [];
    }

    /// <summary>Forgets a snapshot: its links, the branches that stand for it, and the blobs that no other snapshot uses.</summary>
    /// <returns>The bytes that became free.</returns>
    public long Remove(string commit)
    {
        var kept = Commits.Where(one => one != commit).SelectMany(one => BlobsOf(SnapshotPath(one))).ToHashSet(StringComparer.Ordinal);
        foreach (var (branch, _) in Refs().Where(one => one.Commit == commit))
        {
            File.Delete(RefPath(branch));
        }

        var free = BlobsOf(SnapshotPath(commit)).Except(kept).ToList();
        Directory.Delete(SnapshotPath(commit), recursive: true);
        var bytes = free.Sum(path => new FileInfo(path).Length);
        free.ForEach(File.Delete);
        return Commits.Count == 0 ? bytes + RemoveAll() : bytes;
    }

    /// <summary>Forgets the repository, with what unfinished pulls have left.</summary>
    /// <returns>The bytes that became free.</returns>
    public long RemoveAll()
    {
        var bytes = new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Where(file => file.LinkTarget is null).Sum(file => file.Length);
        Directory.Delete(folder, recursive: true);
        if (Directory.Exists(lockFolder))
        {
            Directory.Delete(lockFolder, recursive: true);
        }

        return bytes;
    }

    /// <summary>The blobs that a snapshot links to; links that lead elsewhere are none.</summary>
    private IEnumerable<string> BlobsOf(string snapshot)
    {
        var blobs = Path.Combine(Path.GetFullPath(folder), "blobs") + Path.DirectorySeparatorChar;
        return Directory.EnumerateFiles(snapshot, "*", SearchOption.AllDirectories)
            .Select(path => new FileInfo(path).LinkTarget is { } target ? Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, target)) : null)
            .OfType<string>()
            .Where(path => path.StartsWith(blobs, StringComparison.Ordinal) && File.Exists(path))
            .Distinct(StringComparer.Ordinal);
    }

    /// <summary>Remembers which commit a branch stands for, in the form that other programs read: forty characters and nothing else.</summary>
    public void WriteRef(string revision, string commit)
    {
        if (revision == commit)
        {
            return;
        }

        var path = RefPath(revision);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        AtomicFile.Write(path, stream => stream.Write(System.Text.Encoding.ASCII.GetBytes(commit)));
    }

    /// <summary>Lets a blob appear under its path in a snapshot: a relative link, or a copy where the file system has no links.</summary>
    public void Link(string commit, HubFile file)
    {
        var pointer = Path.Combine(SnapshotPath(commit), Path.Combine(file.Path.Split('/')));
        if (File.Exists(pointer))
        {
            return;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(pointer)!);
        var target = Path.GetRelativePath(Path.GetDirectoryName(pointer)!, BlobPath(file.Hash));
        try
        {
            if (new FileInfo(pointer).LinkTarget is not null)
            {
                File.Delete(pointer); // it dangles
            }

            File.CreateSymbolicLink(pointer, target);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or PlatformNotSupportedException && !File.Exists(pointer))
        {
            var temporary = $"{pointer}.{Guid.NewGuid():N}.tmp";
            File.Copy(BlobPath(file.Hash), temporary);
            File.Move(temporary, pointer, overwrite: true);
        }
        catch (IOException) when (File.Exists(pointer))
        {
            // another program made it meanwhile
        }
    }

    /// <summary>Keeps every other program that follows the layout from writing a blob, as long as the result is open.</summary>
    public async Task<FileStream> LockAsync(string hash, Action waits, CancellationToken cancellation)
    {
        Directory.CreateDirectory(lockFolder);
        var path = Path.Combine(lockFolder, hash + ".lock");
        for (var said = false; ; said = true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException error) when ((error.HResult & 0xFFFF) is 11 or 35 or 32)
            {
                // EWOULDBLOCK on Linux and on macOS, ERROR_SHARING_VIOLATION on Windows.
                if (!said)
                {
                    waits();
                }

                await Task.Delay(_betweenLooks, cancellation);
            }
        }
    }
}
