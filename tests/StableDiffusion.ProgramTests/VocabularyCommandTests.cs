using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary><c>sd vocabulary</c>.</summary>
public sealed class VocabularyCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_embedded_model_lists_each_thing_with_its_styles_and_other_names()
    {
        var taught = JsonNode.Parse(File.ReadAllText(Path.Combine(Repository.Root, "models", "emoji-256", "vocabulary.json")))!["concepts"]!.AsArray();

        var listed = SdProgram.Run("vocabulary");

        Assert.Equal((0, taught.Count), (listed.ExitCode, listed.OutputLines.Count));
        Assert.All(listed.OutputLines, line => Assert.Equal(3, line.Split('\t').Length));
        Assert.Contains("airplane\t3d render, flat icon, line art\tplane, aeroplane, jet", listed.OutputLines);
        Assert.Equal("styles: 3d render, flat icon, line art; backgrounds: white, black, red, blue, green, yellow, pink, gray", Assert.Single(listed.ErrorLines));
    }

    [Fact]
    public void A_model_is_named_as_elsewhere()
    {
        _folder.Fill(Goldens.PathOf("models", "sd1"));
        File.WriteAllText(
            _folder.PathOf("vocabulary.json"),
            """{ "styles": { "ink": [] }, "backgrounds": ["white"], "concepts": [{ "label": "yak", "names": [], "styles": ["ink"] }] }""");

        var (option, variable) = (
            SdProgram.Run("vocabulary", "-m", _folder.Path),
            SdProgram.Run(["vocabulary"], null, null, new Dictionary<string, string> { ["SD_MODEL"] = _folder.Path }));

        Assert.Equal((0, "yak\tink\t\n", "styles: ink; backgrounds: white\n"), (option.ExitCode, option.Output, option.Errors));
        Assert.Equal(option, variable);
    }

    [Theory]
    [InlineData("-m MODEL", 1, "has no vocabulary.json; models trained on the open web know more words than a list can hold.")]
    [InlineData("-m nowhere", 1, "nowhere does not exist. See models/README.md for the folder that is needed.")]
    [InlineData("-m no/where", 1, "no/where is not in the cache. 'sd pull no/where' fetches it")]
    [InlineData("words", 2, "words is one word too many")]
    [InlineData("--json", 2, "'--json'. sd help all lists all options.")]
    [InlineData("-m", 2, "argument missing for option: '-m'")]
    public void What_has_no_vocabulary_is_said_in_one_line(string arguments, int exitCode, string words) =>
        Refused.Run(exitCode, words, _folder, ["vocabulary", .. arguments.Split(' ').Select(word => word == "MODEL" ? Refused.GoodModel : word)]);
}
