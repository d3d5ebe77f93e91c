using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

/// <summary>Which protocol a terminal gets. The answers are those that the terminals' documents show.</summary>
public class TerminalTests
{
    private const string KittyAnswer = "\u001b_Gi=31;OK\u001b\\\u001b[6;20;10t\u001b[?62;c";
    private const string FootAnswer = "\u001b[6;18;9t\u001b[?62;4;22;28c";
    private const string PlainAnswer = "\u001b[?6c";

    [Theory]
    [InlineData(KittyAnswer, "", "Kitty")]
    [InlineData(FootAnswer, "", "Sixel")]
    [InlineData(PlainAnswer, "", "Blocks")]
    [InlineData("\u001b[?64;14;24c", "", "Blocks")] // no 4 of its own
    [InlineData("\u001b_Gi=31;EINVAL:bad\u001b\\\u001b[?62;c", "", "Blocks")]
    [InlineData(null, "TERM=xterm-kitty", "Kitty")]
    [InlineData(null, "TERM=xterm-ghostty", "Kitty")]
    [InlineData(null, "TERM=foot-extra", "Sixel")]
    [InlineData(null, "TERM=xterm-256color TERM_PROGRAM=iTerm.app", "ITerm2")]
    [InlineData(null, "TERM=xterm-256color LC_TERMINAL=iTerm2", "ITerm2")]
    [InlineData(null, "TERM=xterm-256color", "Blocks")]
    [InlineData(null, "", "Blocks")]
    public void The_answer_or_the_environment_decides(string? answer, string environment, string expected) =>
        Assert.Equal(expected, Of(environment, answer).Format.ToString());

    /// <summary>A terminal inside another inherits its variables, not its abilities.</summary>
    [Theory]
    [InlineData(PlainAnswer, "TERM=xterm-kitty")]
    [InlineData(null, "TERM=tmux-256color TERM_PROGRAM=iTerm.app")]
    [InlineData(null, "TERM=screen LC_TERMINAL=iTerm2")]
    [InlineData(PlainAnswer, "TERM=xterm-256color TMUX=/tmp/tmux,1,0 TERM_PROGRAM=WezTerm")]
    public void What_is_inherited_does_not_count(string? answer, string environment) =>
        Assert.Equal(PreviewFormat.Blocks, Of(environment, answer).Format);

    [Theory]
    [InlineData("COLORTERM=truecolor", true)]
    [InlineData("COLORTERM=24bit", true)]
    [InlineData("TERM=xterm-direct", true)]
    [InlineData("TERM=xterm-256color", false)]
    public void Colours_are_as_many_as_the_environment_says(string environment, bool expected) =>
        Assert.Equal(expected, Of(environment, null).TrueColour);

    [Fact]
    public void Lines_are_as_high_as_the_terminal_says_and_otherwise_low()
    {
        Assert.Equal(18, Of("", FootAnswer).CellHeight);
        Assert.Equal(12, Of("", PlainAnswer).CellHeight);
        Assert.Equal(12, Of("", "\u001b[6;0;0t\u001b[?62c").CellHeight);
    }

    private static Terminal Of(string environment, string? answer)
    {
        var variables = environment.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(one => one.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]);
        return Terminal.Of(variables.GetValueOrDefault, answer);
    }
}
