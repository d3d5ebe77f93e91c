using System.CommandLine;
using System.Text.RegularExpressions;
using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

/// <summary>What README.md says of the library and of the options is true.</summary>
[Collection(nameof(CurrentFolder))]
public sealed partial class ReadmeTests
{
    private static readonly string _readme = File.ReadAllText(Path.Combine(Repository.Root, "README.md")).ReplaceLineEndings("\n");

    /// <summary>The options of the program and of its commands.</summary>
    private static IReadOnlyList<Option> Options { get; } = [.. OptionsOf(GenerateCommand.Create())];

    [Fact]
    public void The_library_example_is_the_code_that_is_run_here()
    {
        var source = File.ReadAllText(Path.Combine(Repository.Root, "tests", "StableDiffusion.ProgramTests", "ReadmeExample.cs")).ReplaceLineEndings("\n");
        var method = Regex.Match(source, @"// README: begin\n(.*)\n\s*// README: end", RegexOptions.Singleline).Groups[1].Value;

        var shown = Regex.Match(_readme, @"\n## Library\n.*?```csharp\n(.*?)```", RegexOptions.Singleline).Groups[1].Value;

        Assert.Equal(Lines(shown), Lines(method));
    }

    [Fact]
    public void The_library_example_paints_three_apples()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateSymbolicLink(folder.PathOf("models"), Path.Combine(Repository.Root, "models"));
        var before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = folder.Path;
        try
        {
            ReadmeExample.Run();
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }

        Assert.Equal(["apple-1.png", "apple-2.png", "apple-3.png", "models"], folder.Names());
        Assert.All(folder.Names()[..3], name => Assert.Equal(256, PngReader.Read(folder.PathOf(name)).Image.Width));
        Directory.Delete(folder.PathOf("models"));
    }

    [Fact]
    public void Every_option_in_the_tables_exists()
    {
        var known = Options.SelectMany(option => (string[])[option.Name, .. option.Aliases]).ToHashSet();
        var inTables = TableRow().Matches(_readme).SelectMany(row => OptionName().Matches(row.Value)).Select(name => name.Groups[1].Value).ToList();

        Assert.Contains("--steps", inTables);
        Assert.Empty(inTables.Except(known));
    }

    [Fact]
    public void Every_option_is_in_the_readme()
    {
        var named = OptionName().Matches(_readme).Select(name => name.Groups[1].Value).ToHashSet();

        Assert.Empty(GenerateCommand.Create().Options.Select(option => option.Name).Except(named).Except(["--help", "--version"]));
    }

    /// <summary>CI runs what stands in blocks of sh; what needs a model that is not in the repository stands in blocks of console.</summary>
    [Fact]
    public void Every_command_for_other_models_can_be_parsed()
    {
        var commands = ConsoleBlock().Matches(_readme).SelectMany(block => block.Groups[1].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries)).ToList();
        Assert.NotEmpty(commands);
        foreach (var command in commands)
        {
            var words = ShellWord().Matches(command).Select(word => word.Value.Trim('"', '\'')).ToList();
            Assert.Equal("sd", words[0]);
            var parsed = GenerateCommand.Create().Parse(words.Skip(1).ToList(), CommandLine.Parser);
            Assert.Equal("", string.Join("; ", parsed.Errors.Select(error => $"{command}: {error.Message}")));
        }
    }

    private static IEnumerable<Option> OptionsOf(Command command) => command.Options.Concat(command.Subcommands.SelectMany(OptionsOf));

    private static string[] Lines(string code) => [.. code.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0)];

    [GeneratedRegex(@"```console\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex ConsoleBlock();

    [GeneratedRegex("""\"[^\"]*\"|'[^']*'|\S+""")]
    private static partial Regex ShellWord();

    [GeneratedRegex(@"^\| `.*$", RegexOptions.Multiline)]
    private static partial Regex TableRow();

    [GeneratedRegex("`(--?[A-Za-z][A-Za-z0-9_-]*)[^`]*`")]
    private static partial Regex OptionName();
}

/// <summary>Tests that change the current folder, which all others share, run when those have ended.</summary>
[CollectionDefinition(nameof(CurrentFolder), DisableParallelization = true)]
public sealed class CurrentFolder;
