using System.Diagnostics;
using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

/// <summary>The scripts, tried in the shells themselves where they are installed (bash always is where the tests run on Unix).</summary>
public class CompletionTests
{
    [Theory]
    [InlineData("sd bat", "batch")]
    [InlineData("sd --schedu", "--scheduler")]
    [InlineData("sd --scheduler eul", "euler,euler_a")]
    [InlineData("sd batch --res", "--resume")]
    [InlineData("sd batch mer", "merge")]
    [InlineData("sd x --progress ", "auto,none,json")]
    [InlineData("sd completion --he", "--help")]
    public void Bash_completes_words(string typed, string expected)
    {
        var script = $$"""
            eval "$SCRIPT"
            COMP_WORDS=({{typed}}{{(typed.EndsWith(' ') ? " \"\"" : "")}}); COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 )); _sd
            printf '%s\n' "${COMPREPLY[@]}"
            """;
        var words = Run("bash", ["-c", script], SdProgram.Run("completion", "bash").Output).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        foreach (var word in expected.Split(','))
        {
            Assert.Contains(word, words);
        }

        Assert.All(words, word => Assert.StartsWith(typed.EndsWith(' ') ? "" : typed.Split(' ')[^1], word, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("zsh", "zsh", "-n")]
    [InlineData("fish", "fish", "--no-execute")]
    public void Other_shells_read_their_script(string shell, string program, string check)
    {
        if (!IsInstalled(program))
        {
            Assert.Skip($"{program} is not installed.");
        }

        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.PathOf("script"), SdProgram.Run("completion", shell).Output);
        Assert.Equal("", Run(program, [check, folder.PathOf("script")], ""));
    }

    [Fact]
    public void Fish_completes_words()
    {
        if (!IsInstalled("fish"))
        {
            Assert.Skip("fish is not installed.");
        }

        var script = SdProgram.Run("completion", "fish").Output;
        Assert.Contains("euler_a", Run("fish", ["-c", "echo $SCRIPT | source; complete -C 'sd --scheduler eul'"], script), StringComparison.Ordinal);
        Assert.Contains("--resume", Run("fish", ["-c", "echo $SCRIPT | source; complete -C 'sd batch --res'"], script), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_command_and_option_is_in_each_script_and_in_the_manual()
    {
        var root = GenerateCommand.Create();
        var entries = CompletionWords.Of(root, ["someone/model"]);
        Assert.Contains(entries, entry => entry.Path == "batch merge");
        foreach (var text in ShellScripts.Shells.Select(shell => ShellScripts.Write(shell, entries)).Append(ManualPage.Write(root).Replace("\\-", "-", StringComparison.Ordinal)))
        {
            foreach (var name in entries.SelectMany(entry => entry.Options.Select(option => option.Name.TrimStart('-')).Concat(entry.Commands.Select(one => one.Name))))
            {
                Assert.Contains(name, text, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void The_manual_page_is_read_without_a_complaint()
    {
        if (!IsInstalled("groff"))
        {
            Assert.Skip("groff is not installed.");
        }

        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.PathOf("sd.1"), SdProgram.Run("man").Output);
        var errors = Run("sh", ["-c", $"groff -man -Tutf8 -ww {folder.PathOf("sd.1")} 2>&1 >/dev/null"], "");
        Assert.Equal("", errors);
    }

    private static bool IsInstalled(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, program)));

    private static string Run(string program, string[] arguments, string script)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["SCRIPT"] = script;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output + errors.GetAwaiter().GetResult();
    }
}
