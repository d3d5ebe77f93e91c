namespace StableDiffusion.Cli;

/// <summary>
/// Paths that notes and manifests in a batch's folder name. Whoever may write into a shared folder could write one, so none is followed that
/// leads out of the folder or is no picture.
/// </summary>
internal static class InnerPath
{
    /// <summary>Whether a path is that of a picture inside the folder: relative, without a way up, and through no link that leads out.</summary>
    public static bool IsPictureIn(string folder, string path)
    {
        // A colon separates a drive or a stream on Windows; elsewhere it is a character.
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal) || (OperatingSystem.IsWindows() && path.Contains(':', StringComparison.Ordinal))
            || Path.IsPathRooted(path) || PictureFormats.OfName(path) is null || LeadsAway(path))
        {
            return false;
        }

        var root = RealPath(folder);
        for (var inner = Path.GetDirectoryName(Path.Combine(root, path))!; inner.Length > root.Length; inner = Path.GetDirectoryName(inner)!)
        {
            if (new DirectoryInfo(inner).LinkTarget is not null && !IsInside(root, RealPath(inner)))
            {
                return false;
            }
        }

        return new FileInfo(Path.Combine(root, path)).LinkTarget is null;
    }

    /// <summary>Whether a relative path has a part that is no name of its own: <c>..</c>, <c>.</c>, or nothing between two separators of any system.</summary>
    public static bool LeadsAway(string path) => path.Split('/', '\\').Any(part => part.Trim() is "" or "." or "..");

    /// <summary>A path as notes and manifests have it on every system. A backslash is a character of a name but on Windows.</summary>
    public static string Portable(string path) => path.Replace(Path.DirectorySeparatorChar, '/');

    private static bool IsInside(string root, string path) => path == root || path.StartsWith(root + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    private static string RealPath(string folder)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        try
        {
            return new DirectoryInfo(full) is { LinkTarget: not null } link && link.ResolveLinkTarget(returnFinalTarget: true) is { } target ? target.FullName : full;
        }
        catch (IOException)
        {
            return "/"; // a circle of links: nothing lies inside it
        }
    }
}
