namespace StableDiffusion.Cli;

/// <summary>The user's own settings: <c>$XDG_CONFIG_HOME/sd</c>, or <c>~/.config/sd</c>.</summary>
internal static class Configuration
{
    /// <summary>The folder; it need not exist.</summary>
    public static string Folder
    {
        get
        {
            var home = Environment.GetEnvironmentVariable("XDG_CONFIG_HOME");
            return Path.Combine(
                home is { Length: > 0 } && Path.IsPathRooted(home)
                    ? home
                    : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".config"),
                "sd");
        }
    }

    public static string PathOf(string file) => Path.Combine(Folder, file);
}
