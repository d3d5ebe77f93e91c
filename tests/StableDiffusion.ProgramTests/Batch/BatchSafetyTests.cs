using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary>What lies in a batch's folder was maybe written by somebody else, and what a job reads may have changed.</summary>
public sealed class BatchSafetyTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public BatchSafetyTests()
    {
        Directory.CreateDirectory(_folder.PathOf("out"));
        File.WriteAllText(_folder.PathOf("prompts.txt"), "a cat --seed 1\n");
        File.WriteAllText(_folder.PathOf("victim.png"), "precious");
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("{\"writing\":\"../victim.png\"}", false)]
    [InlineData("{\"writing\":\"../victim.png\"}", true)]
    [InlineData("{\"writing\":\"FOLDER/victim.png\"}", true)]
    [InlineData("{\"writing\":\"link/victim.png\"}", true)]
    [InlineData("{\"writing\":\"..\\\\victim.png\"}", true)]
    [InlineData("{\"writing\":5}", true)]
    [InlineData("{\"writing\":null}", true)]
    [InlineData("[]", true)]
    public void A_planted_note_deletes_nothing_outside_the_folder(string note, bool resumes)
    {
        Directory.CreateSymbolicLink(_folder.PathOf("out/link"), _folder.Path);
        File.WriteAllText(_folder.PathOf("out/.sd-batch.json"), note.Replace("FOLDER", _folder.Path, StringComparison.Ordinal));
        var outcome = Batch(resumes ? ["--resume"] : []);
        Assert.Equal("", outcome.ExitCode == 0 ? "" : outcome.Errors);
        Assert.Equal("precious", File.ReadAllText(_folder.PathOf("victim.png")));
    }

    [Theory]
    [InlineData("../victim.png")]
    [InlineData("link/victim.png")]
    [InlineData("FOLDER/victim.png")]
    public void A_planted_manifest_line_overwrites_nothing_outside_the_folder(string path)
    {
        Assert.Equal(0, Batch().ExitCode);
        Directory.CreateSymbolicLink(_folder.PathOf("out/link"), _folder.Path);
        var manifest = _folder.PathOf("out/manifest.jsonl");
        var line = JsonNode.Parse(File.ReadAllText(manifest))!;
        line["path"] = path.Replace("FOLDER", _folder.Path, StringComparison.Ordinal);
        File.WriteAllText(manifest, line.ToJsonString() + "\n");

        Assert.Equal(0, Batch("--resume").ExitCode);
        Assert.Equal("precious", File.ReadAllText(_folder.PathOf("victim.png")));
        Assert.NotEmpty(SdProgram.Run("batch", "merge", _folder.PathOf("out")).OutputLines);
        Assert.Equal("precious", File.ReadAllText(_folder.PathOf("victim.png")));
    }

    [Theory]
    [InlineData("image", "\"two\"")]
    [InlineData("images", "\"x\"")]
    [InlineData("model", "7")]
    [InlineData("inputs", "7")]
    public void A_manifest_line_with_a_wrong_type_is_skipped(string member, string value)
    {
        Assert.Equal(0, Batch().ExitCode);
        var manifest = _folder.PathOf("out/manifest.jsonl");
        var line = JsonNode.Parse(File.ReadAllText(manifest))!;
        line[member] = JsonNode.Parse(value);
        File.WriteAllText(manifest, line.ToJsonString() + "\n");
        Assert.Equal(0, Batch("--resume").ExitCode);
    }

    [Fact]
    public void Another_model_of_the_same_folder_name_is_another_model()
    {
        foreach (var (parent, model) in new[] { ("a", "sd1"), ("b", "sd2") })
        {
            Directory.CreateDirectory(_folder.PathOf(parent));
            Directory.CreateSymbolicLink(_folder.PathOf(Path.Combine(parent, "model")), Goldens.PathOf("models", model));
        }

        Assert.Equal(0, Batch("-m", _folder.PathOf("a/model")).ExitCode);
        Assert.Contains("1 done before", Batch("-m", _folder.PathOf("a/model"), "--resume").Errors, StringComparison.Ordinal);
        Assert.Contains("0 done before", Batch("-m", _folder.PathOf("b/model"), "--resume").Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_picture_to_start_from_that_has_changed_makes_another_job()
    {
        File.Copy(Path.Combine(Repository.Root, "samples", "red-apple.png"), _folder.PathOf("in.png"));
        File.WriteAllText(_folder.PathOf("prompts.txt"), $"a cat --seed 1 --init-image {_folder.PathOf("in.png")} --width 64 --height 64 --strength 1\n");
        Assert.Equal(0, Batch().ExitCode);
        Assert.Contains("1 done before", Batch("--resume").Errors, StringComparison.Ordinal);
        File.Copy(Path.Combine(Repository.Root, "samples", "contact-sheet.png"), _folder.PathOf("in.png"), overwrite: true);
        Assert.Contains("0 done before", Batch("--resume").Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_first_line_that_gives_no_numbers_does_not_end_the_batch()
    {
        File.WriteAllText(_folder.PathOf("prompts.txt"), "a cat --seed 1 --cfg-scale 1e38\na dog --seed 2\n");
        var outcome = Batch();
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("dog", Assert.Single(outcome.OutputLines), StringComparison.Ordinal);
        Assert.Contains("line 1", outcome.Errors, StringComparison.Ordinal);
    }

    private SdProgram.Outcome Batch(params string[] more)
    {
        string[] model = more.Contains("-m") ? [] : ["-m", Goldens.PathOf("models", "sd1")];
        return SdProgram.Run(["batch", _folder.PathOf("prompts.txt"), "--steps", "1", "-o", _folder.PathOf("out/"), .. model, .. more]);
    }
}
