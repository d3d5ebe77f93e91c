using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary><c>completion</c> and <c>man</c>: what a shell and <c>man</c> are told about the program.</summary>
internal static class CompletionCommand
{
    public static Command Create(RootCommand root)
    {
        var shell = new Argument<string>("shell") { Description = "bash, zsh, fish or pwsh.", HelpName = string.Join('|', ShellScripts.Shells) };
        var command = new Command(
            "completion",
            """
            Prints a completion script with all options, schedulers and the models you have. Example:
              source <(sd completion bash)
            """)
        {
            shell,
        };
        command.SetAction(parsed =>
        {
            Console.Out.Write(ShellScripts.Write(parsed.GetValue(shell)!, CompletionWords.Of(root, CompletionWords.Models())));
            return ExitCode.Done;
        });
        return command;
    }

    public static Command CreateManual(RootCommand root)
    {
        var command = new Command(
            "man",
            """
            Prints the manual page. Example:
              sd man > sd.1 && man ./sd.1
            """);
        command.SetAction(_ =>
        {
            Console.Out.Write(ManualPage.Write(root));
            return ExitCode.Done;
        });
        return command;
    }
}
