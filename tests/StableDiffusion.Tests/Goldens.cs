namespace StableDiffusion.Tests;

/// <summary>Where the reference values lie: the tests' own copy, or the folder that STABLEDIFFUSION_GOLDENS names (same layout).</summary>
internal static class Goldens
{
    public static string Root { get; } = Environment.GetEnvironmentVariable("STABLEDIFFUSION_GOLDENS") is { Length: > 0 } given
        ? given
        : Path.Combine(Repository.Root, "tests", "goldens");

    /// <summary>A further set of references: a folder in the root or beside it; the tests' own where the set that is given has none.</summary>
    public static string Beside(string name) =>
        Array.Find([Path.Combine(Root, name), Path.Combine(Root, "..", name)], Directory.Exists) ?? Path.Combine(Repository.Root, "tests", "goldens", name);

    /// <summary>A single further file: in the root, or the tests' own where the set that is given has none.</summary>
    public static string FileOrOwn(string name) =>
        File.Exists(PathOf(name)) ? PathOf(name) : Path.Combine(Repository.Root, "tests", "goldens", name);

    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);
}

/// <summary>The checkout that the tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "StableDiffusion.Cli.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException($"No StableDiffusion.Cli.sln above {AppContext.BaseDirectory}.");
    }
}
