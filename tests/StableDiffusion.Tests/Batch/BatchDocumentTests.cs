using System.Text.RegularExpressions;
using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

/// <summary>The examples of samples/batches.md.</summary>
public sealed partial class BatchDocumentTests
{
    private static readonly FieldTable _options = new(new ImageOptions());

    [Theory]
    [InlineData("text", 0, 4)]
    [InlineData("jsonl", 0, 6)]
    [InlineData("csv", 0, 2)]
    [InlineData("text", 1, 8)]
    public void An_example_makes_jobs_that_can_be_painted(string language, int which, int jobs)
    {
        var entries = Jobs(Examples(language)[which]);

        Assert.Equal(jobs, entries.Count);
        Assert.All(entries, entry => Assert.NotNull(_options.Request(entry.Job!.Fields)));
    }

    [Fact]
    public void A_line_makes_the_jobs_that_are_listed_for_it() => Assert.Equal(
        Examples("dry-run")[0].TrimEnd().Split('\n'),
        Jobs(Examples("text")[1]).Select(entry =>
        {
            var json = _options.ToJson(entry.Job!.Fields);
            json["index"] = entry.Job.Index;
            return ResultJson.ToText(json);
        }));

    [Fact]
    public void The_files_of_the_samples_can_be_painted() => Assert.All(
        (string[])["prompts.txt", "smoke/jobs.jsonl"],
        name => Assert.All(Jobs(File.ReadAllText(Path.Combine(Repository.Root, "samples", name))), entry => Assert.Null(entry.Error)));

    private static List<string> Examples(string language) =>
    [
        .. Fence().Matches(File.ReadAllText(Path.Combine(Repository.Root, "samples", "batches.md")))
            .Where(fence => fence.Groups["language"].Value == language)
            .Select(fence => fence.Groups["text"].Value),
    ];

    private static List<BatchEntry> Jobs(string text)
    {
        var lines = new BatchReader(new StringReader(text), _options).Lines();
        return [.. new JobSource(_options, new LineFields()).Jobs(lines)];
    }

    [GeneratedRegex("^```(?<language>[a-z-]+)\n(?<text>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex Fence();
}
