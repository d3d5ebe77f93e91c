namespace StableDiffusion.Cli;

/// <summary>Where the program keeps what it can make anew: <c>$XDG_CACHE_HOME/sd</c>, else the system's own place for caches.</summary>
internal static class CacheFolder
{
    /// <summary>Networks as ONNX Runtime has optimised them; the folder need not exist.</summary>
    public static string Graphs
    {
        get
        {
            var home = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
            return Path.Combine(home is { Length: > 0 } && Path.IsPathRooted(home) ? home : OfSystem(), "sd", "graphs");
        }
    }

    private static string OfSystem()
    {
        var user = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : OperatingSystem.IsMacOS() ? Path.Combine(user, "Library", "Caches")
            : Path.Combine(user, ".cache");
    }
}
