namespace StableDiffusion.Tests;

/// <summary>A run that must come to nothing: the exit code, one line on stderr that says enough, nothing on stdout, no file made.</summary>
internal static class Refused
{
    public const int Failed = 1;
    public const int Usage = 2;

    /// <summary>The small model that is right where something else is wrong, and quick to open.</summary>
    public static string GoodModel => Goldens.PathOf("models", "sd1");

    /// <summary>Runs the program in <paramref name="folder"/>.</summary>
    /// <param name="exitCode">The exit code it must end with.</param>
    /// <param name="words">What its message must say, word for word.</param>
    /// <param name="folder">The working folder, with what the test put there.</param>
    /// <param name="arguments">The command line.</param>
    public static void Run(int exitCode, string words, TemporaryFolder folder, params IEnumerable<string> arguments) =>
        Run(exitCode, [words], folder, arguments);

    /// <summary>The same with several things that the message must say.</summary>
    public static void Run(int exitCode, string[] words, TemporaryFolder folder, IEnumerable<string> arguments)
    {
        var before = Files(folder);

        var outcome = SdProgram.Run(arguments, folder.Path, input: "");

        var line = Assert.Single(outcome.ErrorLines);
        Assert.StartsWith("error: ", line, StringComparison.Ordinal);
        Assert.All(words, word => Assert.True(line.Contains(word, StringComparison.Ordinal), $"\"{word}\" is not in: {line}"));
        Assert.Equal(exitCode, outcome.ExitCode);
        Assert.Equal("", outcome.Output);
        Assert.Equal(before, Files(folder));
    }

    /// <summary>Runs "apple" with one step on the good model and these arguments more.</summary>
    public static void RunOnGoodModel(int exitCode, string words, TemporaryFolder folder, params IEnumerable<string> arguments) =>
        Run(exitCode, words, folder, ["apple", "--model", GoodModel, "--device", "cpu", .. arguments]);

    private static string[] Files(TemporaryFolder folder) =>
        [.. Directory.EnumerateFileSystemEntries(folder.Path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
}
