using System.CommandLine;
using System.Reflection;
using System.Text;

namespace StableDiffusion.Cli;

/// <summary>The manual page, made from the same descriptions as the help: man(7).</summary>
internal static class ManualPage
{
    public static string Write(RootCommand root)
    {
        var version = typeof(ManualPage).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
        var page = new StringBuilder($".TH SD 1 \"\" \"sd {version}\" \"User Commands\"\n.SH NAME\nsd \\- paint pictures from text with Stable Diffusion\n");
        page.Append(".SH SYNOPSIS\n.B sd\n[\\fIoptions\\fR] \\fIprompt\\fR\n.br\n.B sd\n\\fIcommand\\fR [\\fIoptions\\fR]\n.SH DESCRIPTION\n").Append(Paragraphs(root.Description));
        page.Append(".SH OPTIONS\n");
        Options(page, root);
        page.Append(".SH COMMANDS\n");
        Commands(page, root, "sd");
        page.Append(".SH EXIT STATUS\n");
        foreach (var (code, meaning) in ExitCodes)
        {
            page.Append($".TP\n.B {code}\n{Text(meaning)}\n");
        }

        page.Append(".SH ENVIRONMENT\n");
        foreach (var (name, meaning) in Variables)
        {
            page.Append($".TP\n.B {name}\n{Text(meaning)}\n");
        }

        return page.Append(".SH FILES\n.TP\n.I ~/.config/sd/config.json\nDefaults and presets.\n.TP\n.I ~/.config/sd/models.json\nShort names of models.\n").ToString();
    }

    private static (int Code, string Meaning)[] ExitCodes =>
    [
        (ExitCode.Done, "Everything asked for is on disk."),
        (ExitCode.Failed, "The model or the device failed, or a line of a batch."),
        (ExitCode.Usage, "The command line asks for what cannot be done: an option, an input file, a place to write to."),
        (ExitCode.Unforeseen, "The program has a fault; the message asks for a report."),
        (ExitCode.Interrupted, "Stopped by Ctrl-C."),
        (ExitCode.Terminated, "Stopped by SIGTERM."),
    ];

    private static (string Name, string Meaning)[] Variables =>
    [
        (ModelLocation.Variable, "The model where --model is not given."),
        ("HF_TOKEN, HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_HUB_OFFLINE", "The hub and its cache, as for the hub's own programs."),
        ("XDG_CONFIG_HOME, XDG_CACHE_HOME", "Where configuration and caches lie."),
    ];

    private static void Commands(StringBuilder page, Command command, string path)
    {
        foreach (var one in command.Subcommands.Where(one => !one.Hidden))
        {
            var name = $"{path} {one.Name}";
            page.Append($".SS {Text(name)}{string.Concat(one.Arguments.Where(argument => !argument.Hidden).Select(argument => $" {Text($"<{argument.Name}>")}"))}\n{Paragraphs(one.Description)}");

            // The options of painting are listed above once.
            Options(page, one, [.. command.Options.Select(option => option.Name)]);
            Commands(page, one, name);
        }
    }

    private static void Options(StringBuilder page, Command command, params HashSet<string> known)
    {
        foreach (var option in command.Options.Where(option => !option.Hidden && !known.Contains(option.Name)))
        {
            var value = option.HelpName is { } name ? $" \\fI{Text(name)}\\fR" : "";
            page.Append($".TP\n{string.Join(", ", new[] { option.Name }.Concat(option.Aliases.Where(alias => alias.StartsWith('-'))).Select(one => $"\\fB{Text(one)}\\fR"))}{value}\n{Text(OneLine.Of(option.Description ?? ""))}\n");
        }
    }

    private static string Paragraphs(string? text) => string.Concat((text ?? "").Split('\n').Select(line =>
        line.Length == 0 ? ".PP\n" : line.StartsWith("  ", StringComparison.Ordinal) ? $".PP\n.nf\n{Text(line)}\n.fi\n.PP\n" : $"{Text(line)}\n"));

    /// <summary>Text that roff does not take for its own: backslashes, hyphens, what is not ASCII, and a dot or an apostrophe at a line's beginning.</summary>
    private static string Text(string text)
    {
        var escaped = string.Concat(text.EnumerateRunes().Select(rune => rune.Value switch
        {
            '\\' => "\\e",
            '-' => "\\-",
            > 126 => $"\\[u{rune.Value:X4}]",
            _ => rune.ToString(),
        }));
        return escaped.StartsWith('.') || escaped.StartsWith('\'') ? "\\&" + escaped : escaped;
    }
}
