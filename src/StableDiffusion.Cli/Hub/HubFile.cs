using System.Text.RegularExpressions;

namespace StableDiffusion.Cli;

/// <summary>A file of a repository at one commit.</summary>
/// <param name="Path">Its path in the repository, with slashes.</param>
/// <param name="Size">Its bytes.</param>
/// <param name="Hash">The name of its blob in the cache: SHA-256 of a large file, git's blob SHA-1 of a small one; in lower-case hexadecimal.</param>
internal sealed partial record HubFile(string Path, long Size, string Hash)
{
    /// <summary>Whether the hash is SHA-256 of the content, as for all files in large-file storage.</summary>
    public bool IsLarge => Hash.Length == 64;

    public string Name => Path[(Path.LastIndexOf('/') + 1)..];

    /// <summary>The folder, without a slash at its end; empty for the root.</summary>
    public string Folder => Path.Contains('/', StringComparison.Ordinal) ? Path[..Path.LastIndexOf('/')] : "";

    /// <summary>Whether both path and hash are safe to use as names on this machine.</summary>
    public bool IsSafe =>
        Size >= 0 && HashForm().IsMatch(Hash) && Path.Length > 0 && !Path.StartsWith('/')
        && Path.Split('/').All(part => part is not ("" or "." or "..") && part.IndexOfAny(['\\', ':', '\0']) < 0);

    [GeneratedRegex("^([0-9a-f]{40}|[0-9a-f]{64})$")]
    private static partial Regex HashForm();
}
