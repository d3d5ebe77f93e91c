namespace StableDiffusion.Cli;

/// <summary>The program's folders among the user's, by the XDG Base Directory Specification; they need not exist.</summary>
internal static class UserFolder
{
    /// <summary>The user's own folder.</summary>
    /// <remarks>It need not exist, and is never a place in the current folder: that belongs to whoever made it.</remarks>
    public static string Home => Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify) is { Length: > 0 } home && Path.IsPathRooted(home)
        ? home
        : Path.GetTempPath();

    /// <summary>The folder <c>sd</c> where a variable says; a path that is relative is no place, as the specification has it.</summary>
    /// <param name="variable">Such as <c>XDG_CACHE_HOME</c>.</param>
    /// <param name="usual">Where it lies without the variable.</param>
    public static string Of(string variable, string usual)
    {
        var home = Environment.GetEnvironmentVariable(variable);
        return Path.Combine(home is { Length: > 0 } && Path.IsPathRooted(home) ? home : usual, "sd");
    }
}
