namespace StableDiffusion.Cli;

/// <summary>The user's own settings: <c>$XDG_CONFIG_HOME/sd</c>, or <c>~/.config/sd</c>.</summary>
internal static class Configuration
{
    /// <summary>The folder; it need not exist.</summary>
    public static string Folder => UserFolder.Of("XDG_CONFIG_HOME", Path.Combine(UserFolder.Home, ".config"));

    public static string PathOf(string file) => Path.Combine(Folder, file);
}
