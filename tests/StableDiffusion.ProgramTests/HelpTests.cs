using System.CommandLine;
using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

public class HelpTests
{
    public static TheoryData<string> Commands => [.. PathsOf(GenerateCommand.Create(), "")];

    [Fact]
    public void Help_fits_one_screen_and_says_where_the_rest_is()
    {
        var outcome = SdProgram.Run("--help");

        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Errors));
        Assert.InRange(outcome.Output.Split('\n').Length, 20, 45);
        Assert.All(outcome.OutputLines, line => Assert.InRange(line.Length, 0, 100));
        Assert.StartsWith("Usage: sd ", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("sd help all", outcome.Output, StringComparison.Ordinal);
        Assert.Equal(15, outcome.OutputLines.Count(line => line.StartsWith("  --", StringComparison.Ordinal)));
        Assert.Equal(outcome.Output, SdProgram.Run("help").Output);
    }

    [Fact]
    public void The_long_name_of_an_option_comes_first()
    {
        var lines = SdProgram.Run("help", "all").OutputLines;

        Assert.Contains("  --steps, --ddim-steps, --num-inference-steps, --step-count <n>", lines);
        Assert.Contains("  --output, -o <path>", lines);
        Assert.DoesNotContain(lines, line => line.StartsWith("  -", StringComparison.Ordinal) && !line.StartsWith("  --", StringComparison.Ordinal));
    }

    [Fact]
    public void Every_scheduler_has_its_line_of_help()
    {
        var lines = SdProgram.Run("help", "schedulers").OutputLines;

        Assert.Contains("  euler_a       Euler a: Euler steps with fresh noise", lines);
        Assert.All(SchedulerTable.Names, name => Assert.Single(lines, line => line.StartsWith($"  {name} ", StringComparison.Ordinal)));
        Assert.All(lines, line => Assert.InRange(line.Length, 0, 100));
    }

    [Fact]
    public void A_topic_that_is_not_there_is_refused_with_those_that_are()
    {
        var outcome = SdProgram.Run("help", "paint");

        Assert.Equal(2, outcome.ExitCode);
        Assert.StartsWith("error: there is no help for paint; give all, schedulers, or one of batch, ", outcome.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void The_help_of_every_command_names_its_options_and_has_an_example_that_can_be_parsed(string path)
    {
        var root = GenerateCommand.Create();
        var page = HelpPage.OfTopic(root, path.Split(' '));

        Assert.StartsWith($"Usage: sd {path}", page, StringComparison.Ordinal);
        Command command = root;
        foreach (var word in path.Split(' '))
        {
            command = command.Subcommands.Single(one => one.Name == word);
        }

        Assert.All(command.Options, option => Assert.Contains($"  {option.Name}", page, StringComparison.Ordinal));
        var examples = page.Split('\n').Where(line => line.StartsWith("  sd ", StringComparison.Ordinal) || line.Contains("(sd ", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(examples);
        Assert.All(examples.SelectMany(CommandLines), line => Assert.Empty(root.Parse(line).Errors));
    }

    [Fact]
    public void The_examples_of_the_program_can_be_parsed()
    {
        var root = GenerateCommand.Create();

        Assert.All(HelpPage.Examples, example => Assert.Empty(root.Parse(example.Replace('\'', '"')["sd ".Length..]).Errors));
    }

    /// <summary>The calls of the program in a line of shell.</summary>
    private static IEnumerable<string> CommandLines(string line) => line.Trim().Replace("source <(", "", StringComparison.Ordinal).TrimEnd(')')
        .Split(["&&", "|", ">"], StringSplitOptions.TrimEntries)
        .Where(part => part.StartsWith("sd ", StringComparison.Ordinal))
        .Select(part => part["sd ".Length..].Replace('\'', '"'));

    private static IEnumerable<string> PathsOf(Command command, string path) =>
        command.Subcommands.Where(one => !one.Hidden).SelectMany(one => PathsOf(one, $"{path} {one.Name}".Trim()).Prepend($"{path} {one.Name}".Trim()));
}
