using System.Text;

namespace StableDiffusion;

/// <summary>
/// Writes files that are either whole or absent: the bytes go to a file of another name in the same folder, onto the disk, and only then
/// get their name. What stood there before stays until that moment.
/// </summary>
/// <remarks>
/// The folder itself is not synchronised (.NET opens no folder), so after a power failure a file may be missing, but never torn.
/// A process that is killed leaves at most a file that matches <see cref="TemporaryPattern"/>; without overwriting also, if it dies within the
/// last step, an empty file of the right name.
/// </remarks>
internal static class AtomicFile
{
    /// <summary>The names that unfinished files have, as a search pattern.</summary>
    public const string TemporaryPattern = ".sd-*.tmp";

    /// <summary>Bytes of a file's name that file systems allow.</summary>
    private const int LongestName = 255;

    /// <summary>Writes <paramref name="path"/> through <paramref name="write"/>. If that throws, nothing has changed and the exception goes on.</summary>
    /// <param name="path">A file name in a folder that exists. A link is followed; a device or pipe under /dev is written directly.</param>
    /// <param name="write">Writes the content; may throw, to cancel as well.</param>
    /// <param name="overwrite">False: fail if the file exists, whoever made it and however late.</param>
    /// <exception cref="RequestException">The file cannot be written there; the message says why.</exception>
    public static void Write(string path, Action<Stream> write, bool overwrite = true)
    {
        ArgumentNullException.ThrowIfNull(write);
        try
        {
            if (IsDevice(path))
            {
                using var device = new FileStream(path, FileMode.Open, FileAccess.Write);
                write(device);
                return;
            }

            Replace(Target(path), write, overwrite);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException { ParamName: "path" })
        {
            throw new RequestException($"{OneLine.Quote(path)} cannot be written: {Reason(path, exception)}", exception);
        }
    }

    /// <summary>Tries whether <paramref name="path"/> can be written, and leaves nothing behind.</summary>
    /// <param name="path">A file name.</param>
    /// <param name="makesFolders">Whether folders that are missing will be made.</param>
    /// <exception cref="RequestException">The file cannot be written there; the message says why.</exception>
    public static void RequireWritable(string path, bool makesFolders = false)
    {
        try
        {
            if (IsDevice(path))
            {
                return;
            }

            var target = Target(path);
            if (Encoding.UTF8.GetByteCount(Path.GetFileName(target)) > LongestName)
            {
                throw new PathTooLongException();
            }

            var folder = Path.GetDirectoryName(target)!;
            while (makesFolders && !Directory.Exists(folder) && Path.GetDirectoryName(folder) is { } above)
            {
                if (File.Exists(folder))
                {
                    throw new IOException($"{OneLine.Quote(folder)} is a file, not a folder; choose another.");
                }

                folder = above;
            }

            new FileStream(TemporaryIn(folder), FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose).Dispose();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException { ParamName: "path" })
        {
            throw new RequestException($"{OneLine.Quote(path)} cannot be written: {Reason(path, exception)}", exception);
        }
    }

    private static void Replace(string target, Action<Stream> write, bool overwrite)
    {
        if (!overwrite && Path.Exists(target))
        {
            throw new IOException("it exists already; choose another name or allow it to be replaced.");
        }

        var temporary = TemporaryIn(Path.GetDirectoryName(target)!);
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            Commit(temporary, target, overwrite);
        }
        catch
        {
            if (File.Exists(temporary))
            {
                File.Delete(temporary);
            }

            throw;
        }
    }

    /// <summary>A name for an unfinished file.</summary>
    public static string TemporaryIn(string folder) =>
        Path.Combine(folder, TemporaryPattern.Replace("*", $"{Guid.NewGuid():N}", StringComparison.Ordinal));

    // File.Move(overwrite: false) looks first and renames afterwards, so two processes can both win. Creating the name exclusively cannot.
    private static void Commit(string temporary, string target, bool overwrite)
    {
        if (overwrite)
        {
            File.Move(temporary, target, overwrite: true);
            return;
        }

        File.Open(target, FileMode.CreateNew, FileAccess.Write).Dispose();
        try
        {
            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            File.Delete(target);
            throw;
        }
    }

    private static string Target(string path)
    {
        var full = FullPath(path);
        if (Path.EndsInDirectorySeparator(full) || Directory.Exists(full))
        {
            throw new IOException("it names a folder; add a file name.");
        }

        return Followed(full);
    }

    /// <summary>Where a link leads in the end; any other path as it is.</summary>
    private static string Followed(string path) => new FileInfo(path).LinkTarget is null ? path : File.ResolveLinkTarget(path, returnFinalTarget: true)!.FullName;

    // A rename would put a plain file in the place of /dev/null; /dev/shm is an ordinary folder.
    private static bool IsDevice(string path) =>
        !OperatingSystem.IsWindows()
        && FullPath(path) is var full
        && full.StartsWith("/dev/", StringComparison.Ordinal)
        && !full.StartsWith("/dev/shm/", StringComparison.Ordinal)
        && File.Exists(full);

    private static string Reason(string path, Exception exception) => exception switch
    {
        ArgumentException => "the name is empty or has a character that no name can have; choose another.",
        FileNotFoundException => $"{OneLine.Quote(FolderOf(path))} takes no files; choose another folder.", // /proc
        DirectoryNotFoundException => $"there is no folder {OneLine.Quote(FolderOf(path))}; create it or choose another.",
        UnauthorizedAccessException => $"no permission in {OneLine.Quote(FolderOf(path))}; choose another folder.",
        PathTooLongException => "the name is too long; choose a shorter one.",
        _ => OneLine.Of(exception.Message.Split(" : '")[0]), // the rest names the unfinished file
    };

    private static string FolderOf(string path) => Path.GetDirectoryName(Followed(Path.GetFullPath(path))) ?? path;

    /// <summary>The path as the system reads it, for which the folder above a link is that above the link's end; .NET looks at the letters alone.</summary>
    private static string FullPath(string path)
    {
        if (OperatingSystem.IsWindows() || !path.Split('/').Contains(".."))
        {
            return Path.GetFullPath(path);
        }

        var full = "/";
        foreach (var part in Path.Combine(Environment.CurrentDirectory, path).Split('/'))
        {
            full = part != ".." ? Path.Combine(full, part)
                : !Directory.Exists(full) ? throw new DirectoryNotFoundException()
                : Path.GetDirectoryName(Followed(full)) ?? "/";
        }

        return Path.GetFullPath(full);
    }
}
