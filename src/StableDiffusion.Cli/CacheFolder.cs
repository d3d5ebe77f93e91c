namespace StableDiffusion.Cli;

/// <summary>Where the program keeps what it can make anew: <c>$XDG_CACHE_HOME/sd</c>, else the system's own place for caches.</summary>
internal static class CacheFolder
{
    /// <summary>Networks as ONNX Runtime has optimised them; the folder need not exist.</summary>
    public static string Graphs => Path.Combine(UserFolder.Of("XDG_CACHE_HOME", OfSystem()), "graphs");

    private static string OfSystem() =>
        OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
        : OperatingSystem.IsMacOS() ? Path.Combine(UserFolder.Home, "Library", "Caches")
        : Path.Combine(UserFolder.Home, ".cache");
}
