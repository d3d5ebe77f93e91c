namespace StableDiffusion.Cli;

/// <summary>
/// The cache on disk that the hub's own programs use too: <c>models--OWNER--NAME</c> with <c>blobs</c> (the contents, by their hash),
/// <c>snapshots/COMMIT</c> (links to them, by their path) and <c>refs</c> (the commit of a branch).
/// </summary>
/// <remarks>Layout: the hub's documentation, "Understand caching", and huggingface_hub, <c>file_download.py</c>.</remarks>
internal sealed class HubCache(string folder)
{
    private const string Prefix = "models--";

    /// <summary>The first line of the tag that backup programs look for (bford.info/cachedir).</summary>
    private const string Tag = "Signature: 8a477f597d28d172789f06886806bc55\n# This file marks a cache folder; its content can be fetched again.\n";

    public string Folder => folder;

    /// <summary>All repositories that lie in the cache, by name.</summary>
    public IReadOnlyList<HubRepository> Repositories() => Directory.Exists(folder)
        ? [.. Directory.EnumerateDirectories(folder, Prefix + "*")
            .Select(path => (Path: path, Name: NameOf(System.IO.Path.GetFileName(path))))
            .Where(one => one.Name is not null)
            .Select(one => new HubRepository(one.Path, one.Name!, LockFolderOf(System.IO.Path.GetFileName(one.Path))))
            .OrderBy(one => one.Name.Id, StringComparer.OrdinalIgnoreCase)]
        : [];

    /// <summary>The place of a repository, which need not exist.</summary>
    public HubRepository Of(HubName name)
    {
        var folderName = $"{Prefix}{name.Owner}--{name.Name}";
        return new HubRepository(Path.Combine(folder, folderName), name, LockFolderOf(folderName));
    }

    /// <summary>Makes the cache's folder, with the tag that says what it is.</summary>
    /// <exception cref="RequestException">It cannot be made.</exception>
    public void Create()
    {
        try
        {
            Directory.CreateDirectory(folder);
            var tag = Path.Combine(folder, "CACHEDIR.TAG");
            if (!File.Exists(tag))
            {
                File.WriteAllText(tag, Tag);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new RequestException($"the cache {OneLine.Quote(folder)} cannot be written: {OneLine.Of(error.Message)} Set HF_HOME or HF_HUB_CACHE to another folder.", error);
        }
    }

    private string LockFolderOf(string repositoryFolder) => Path.Combine(folder, ".locks", repositoryFolder);

    private static HubName? NameOf(string folderName) =>
        folderName[Prefix.Length..].Split("--") is [var owner, var name] ? HubName.TryParse($"{owner}/{name}") : null;
}
