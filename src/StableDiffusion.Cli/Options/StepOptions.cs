using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary>The options for those who want to see a picture form. Without them nothing of it is computed.</summary>
internal sealed class StepOptions
{
    private Option<string?> StepsTo { get; } = new("--steps-to")
    {
        Description = "A folder for the picture that the network has in mind at each step, as {seed}-{step}.png, with a number between for several of one seed; older ones of these names are replaced.",
        HelpName = "folder",
    };

    private Option<string?> Animate { get; } = new("--animate")
    {
        Description = "The same as an animation, which ends with the finished picture.",
        HelpName = "file.webp|file.gif",
    };

    private Option<bool> Preview { get; } = new("--preview") { Description = "Show the picture as it forms in the terminal, in rough colours." };

    private Option<string?> PreviewFormat { get; } = new("--preview-format")
    {
        Description = "How --preview draws, also where standard error is no terminal. [default: what the terminal says it can show]",
        HelpName = "kitty|iterm2|sixel|blocks",
    };

    public IReadOnlyList<Option> All => [StepsTo, Animate, Preview, PreviewFormat];

    /// <summary>Where the steps go; null where they are not asked for.</summary>
    /// <exception cref="RequestException">They cannot go there.</exception>
    public StepFiles? Files(ParseResult given, ImageRequest request)
    {
        var (folder, animation) = (given.GetValue(StepsTo), given.GetValue(Animate));
        return folder is null && animation is null ? null : StepFiles.Open(folder, animation, request);
    }

    /// <summary>The preview asked for; null for none.</summary>
    public TerminalPreview? Screen(ParseResult given, ConsoleLog log)
    {
        if (given.GetValue(PreviewFormat) is { } name)
        {
            if (log.IsJson)
            {
                throw new RequestException($"{PreviewFormat.Name} draws where {ConsoleLog.ProgressOption} json writes its lines; leave one of them out.");
            }

            return Enum.TryParse<PreviewFormat>(name, ignoreCase: true, out var format) && Enum.IsDefined(format) && !char.IsAsciiDigit(name[0])
                ? new TerminalPreview(log, Terminal.Describe(format))
                : throw new RequestException($"{PreviewFormat.Name} {OneLine.Quote(name)} is not known; give kitty, iterm2, sixel or blocks.");
        }

        if (!given.GetValue(Preview))
        {
            return null;
        }

        if (Console.IsErrorRedirected || Environment.GetEnvironmentVariable("TERM") is null or "" or "dumb" && !OperatingSystem.IsWindows())
        {
            log.Warn($"{Preview.Name} shows nothing: standard error is no terminal that can show pictures; {PreviewFormat.Name} draws all the same.");
            return null;
        }

        return new TerminalPreview(log, Terminal.Ask());
    }
}
