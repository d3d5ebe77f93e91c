using System.Globalization;
using System.Text.RegularExpressions;

namespace StableDiffusion.Cli;

/// <summary>What a terminal can show.</summary>
/// <param name="Format">How it shows pictures.</param>
/// <param name="TrueColour">Whether characters may have any colour, or one of 256.</param>
/// <param name="CellHeight">Pixels from one line to the next, for sixels.</param>
internal sealed partial record Terminal(PreviewFormat Format, bool TrueColour, int CellHeight)
{
    /// <summary>Less than that of any usual font: a sixel picture that is too high would scroll.</summary>
    private const int SmallestCell = 12;

    /// <summary>A picture of kitty's protocol that is only tried, then the size of a cell, then what the terminal is: the last is always answered.</summary>
    private const string Questions = "\u001b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\u001b\\\u001b[16t\u001b[c";

    /// <summary>The terminal that standard error goes to.</summary>
    public static Terminal Ask()
    {
        // These two print kitty's question as text instead of ignoring it.
        var isSilent = Environment.GetEnvironmentVariable("TERM") == "linux" || Environment.GetEnvironmentVariable("TERM_PROGRAM") == "Apple_Terminal";
        return Of(Environment.GetEnvironmentVariable, isSilent ? null : TerminalDialogue.Ask(Questions));
    }

    /// <summary>The terminal, where the user says how it shows pictures.</summary>
    public static Terminal Describe(PreviewFormat format) =>
        (format == PreviewFormat.Sixel && !Console.IsErrorRedirected ? Ask() : Of(Environment.GetEnvironmentVariable, null)) with { Format = format };

    /// <summary>
    /// What the terminal answered counts before <c>TERM</c>, and <c>TERM</c> before the other variables, which terminals inside others inherit.
    /// </summary>
    /// <param name="variable">Reads a variable of the environment.</param>
    /// <param name="answer">What the terminal answered; null or empty where it was not asked or said nothing.</param>
    public static Terminal Of(Func<string, string?> variable, string? answer)
    {
        var term = variable("TERM") ?? "";
        var trueColour = variable("COLORTERM") is "truecolor" or "24bit" || term.EndsWith("-direct", StringComparison.Ordinal) || variable("WT_SESSION") is not null;
        var height = answer is not null && CellSize().Match(answer) is { Success: true } size
            ? int.Parse(size.Groups[1].Value, CultureInfo.InvariantCulture)
            : SmallestCell;
        return new Terminal(FormatOf(variable, term, answer), trueColour, Math.Clamp(height, SmallestCell, 128));
    }

    private static PreviewFormat FormatOf(Func<string, string?> variable, string term, string? answer)
    {
        if (answer?.Contains("\u001b_Gi=31;OK", StringComparison.Ordinal) == true)
        {
            return PreviewFormat.Kitty;
        }

        if (answer is not null && Attributes().Match(answer) is { Success: true } attributes && attributes.Groups[1].Value.Split(';').Skip(1).Contains("4"))
        {
            return PreviewFormat.Sixel;
        }

        var isInside = variable("TMUX") is not null || term.StartsWith("tmux", StringComparison.Ordinal) || term.StartsWith("screen", StringComparison.Ordinal);
        if (isInside)
        {
            return PreviewFormat.Blocks;
        }

        if (string.IsNullOrEmpty(answer) && term is "xterm-kitty" or "xterm-ghostty")
        {
            return PreviewFormat.Kitty;
        }

        if (string.IsNullOrEmpty(answer) && (term.StartsWith("foot", StringComparison.Ordinal) || term is "mlterm" or "yaft-256color"))
        {
            return PreviewFormat.Sixel;
        }

        return variable("TERM_PROGRAM") is "iTerm.app" or "WezTerm" or "mintty" || variable("LC_TERMINAL") == "iTerm2" ? PreviewFormat.ITerm2 : PreviewFormat.Blocks;
    }

    [GeneratedRegex(@"\u001b\[6;(\d{1,4});\d{1,4}t", RegexOptions.CultureInvariant)]
    private static partial Regex CellSize();

    [GeneratedRegex(@"\u001b\[\?([\d;]*)c", RegexOptions.CultureInvariant)]
    private static partial Regex Attributes();
}
