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
    [InlineData("{\"writing\":\"a.png\",\"writing\":\"b.png\"}", true)]
    [InlineData("{\"writing\":\"\\ud83d.png\"}", true)]
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
        Assert.Equal(1, SdProgram.Run("batch", "merge", _folder.PathOf("out")).ExitCode);
        Assert.Equal("precious", File.ReadAllText(_folder.PathOf("victim.png")));
    }

    [Theory]
    [InlineData("not JSON")]
    [InlineData("{\"path\":\"a.png\",\"sha256\":\"00\"}")]
    [InlineData("{\"path\":\"../victim.png\",\"sha256\":\"00\",\"id\":\"00\"}")]
    [InlineData("{\"path\":\"a.png\",\"sha256\":\"00\",\"id\":\"00\",\"id\":\"01\"}")]
    [InlineData("{\"path\":\"a.png\",\"sha256\":\"00\",\"id\":\"00\",\"prompt\":\"cat \\ud83d\"}")]
    public void A_manifest_line_that_is_not_understood_is_said_and_never_dropped(string line)
    {
        Assert.Equal(0, Batch().ExitCode);
        var manifest = _folder.PathOf("out/manifest.jsonl");
        var text = line + "\n" + File.ReadAllText(manifest) + line + "\n";
        File.WriteAllText(manifest, text);

        var resumed = Batch("--resume");
        var merged = SdProgram.Run("batch", "merge", _folder.PathOf("out"));

        Assert.Equal((0, 0), (resumed.ExitCode, resumed.OutputLines.Count));
        Assert.Contains($"warning: {manifest}, line 1 is no manifest line", resumed.Errors, StringComparison.Ordinal);
        Assert.Equal((1, ""), (merged.ExitCode, merged.Output));
        Assert.Contains($"warning: {manifest}, line 3 is no manifest line", resumed.Errors, StringComparison.Ordinal);
        Assert.Equal(2, merged.ErrorLines.Count);
        Assert.StartsWith($"error: {manifest}, line 1 is no manifest line", merged.ErrorLines[0], StringComparison.Ordinal);
        Assert.Equal(text, File.ReadAllText(manifest));
    }

    /// <summary>What is cleaned up after a killed run lies in the folder itself: links lead elsewhere, or round in circles.</summary>
    [Fact]
    public void Resume_follows_no_link_below_the_folder()
    {
        Assert.Equal(0, Batch().ExitCode);
        Directory.CreateDirectory(_folder.PathOf("elsewhere"));
        Directory.CreateDirectory(_folder.PathOf("out/inner"));
        File.WriteAllText(_folder.PathOf("elsewhere/.sd-other.tmp"), "precious");
        File.WriteAllText(_folder.PathOf("out/inner/.sd-killed.tmp"), "");
        Directory.CreateSymbolicLink(_folder.PathOf("out/link"), _folder.PathOf("elsewhere"));
        Directory.CreateSymbolicLink(_folder.PathOf("out/circle"), _folder.PathOf("out"));

        var resumed = Batch("--resume");

        Assert.Equal("", resumed.ExitCode == 0 ? "" : resumed.Errors);
        Assert.True(File.Exists(_folder.PathOf("elsewhere/.sd-other.tmp")));
        Assert.False(File.Exists(_folder.PathOf("out/inner/.sd-killed.tmp")));
    }

    [Fact]
    public void Resume_goes_on_beside_a_folder_that_it_may_not_read()
    {
        if (OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess)
        {
            Assert.Skip("Root may read every folder.");
            return;
        }

        Assert.Equal(0, Batch().ExitCode);
        Directory.CreateDirectory(_folder.PathOf("out/lost+found"));
        File.SetUnixFileMode(_folder.PathOf("out/lost+found"), UnixFileMode.None);

        var resumed = Batch("--resume");

        File.SetUnixFileMode(_folder.PathOf("out/lost+found"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Assert.Contains("1 done before", resumed.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_picture_is_not_written_through_a_link_out_of_the_folder()
    {
        Directory.CreateSymbolicLink(_folder.PathOf("out/link"), _folder.Path);
        File.CreateSymbolicLink(_folder.PathOf("out/dangling.png"), _folder.PathOf("nowhere.png"));
        File.WriteAllText(_folder.PathOf("prompts.txt"), "a cat --seed 1 --output link/new.png\na cat --seed 2 --output dangling.png\na dog --seed 3 --output dog.png\n");

        var outcome = Batch();

        Assert.Equal(1, outcome.ExitCode);
        Assert.Equal([_folder.PathOf("out/dangling-2.png"), _folder.PathOf("out/dog.png")], outcome.OutputLines);
        Assert.Contains("leads through a link out of the batch's folder", outcome.Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder.PathOf("new.png")) || File.Exists(_folder.PathOf("nowhere.png")));
    }

    [Theory]
    [InlineData("image", "\"two\"")]
    [InlineData("images", "\"x\"")]
    [InlineData("model", "7")]
    [InlineData("inputs", "7")]
    public void A_manifest_line_with_a_wrong_type_counts_for_nothing(string member, string value)
    {
        Assert.Equal(0, Batch().ExitCode);
        var manifest = _folder.PathOf("out/manifest.jsonl");
        var line = JsonNode.Parse(File.ReadAllText(manifest))!;
        line[member] = JsonNode.Parse(value);
        File.WriteAllText(manifest, line.ToJsonString() + "\n");
        var again = Batch("--resume");
        Assert.Equal(0, again.ExitCode);
        Assert.NotEmpty(again.OutputLines); // what the line said is not done
    }

    [Fact]
    public void A_folder_without_a_manifest_has_nothing_to_merge_and_one_that_holds_no_line_is_of_no_run()
    {
        Directory.CreateDirectory(_folder.PathOf("out"));
        Refused.Run(Refused.Usage, "has no manifest, so no batch was painted into it", _folder, ["batch", "merge", _folder.PathOf("out")]);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.PathOf("out"), "manifest*"));

        Assert.Equal(1, Batch("--cfg-scale", "-3").ExitCode);
        Assert.Equal("", File.ReadAllText(_folder.PathOf("out/manifest.jsonl")));
        Assert.Equal(0, Batch().ExitCode);
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

    /// <summary>Found in a folder, by a name in the prompt or in an option; others in the folder do not matter.</summary>
    [Theory]
    [InlineData("a cat <lora:one:0.5> --lora-dir FOLDER", "kohya-r4", "peft-r4")]
    [InlineData("a cat --lora one:0.5 --lora-dir FOLDER", "kohya-r4", "peft-r4")]
    [InlineData("a cat --lora FOLDER/one.safetensors:0.5", "kohya-r4", "peft-r4")]
    [InlineData("a one cat --embedding-dir FOLDER", "glorp-a1111", null)]
    [InlineData("a word cat --embedding word=FOLDER/one.safetensors", "glorp-a1111", "zonk-diffusers")]
    public void A_LoRA_or_word_that_has_changed_makes_another_job(string line, string before, string? after)
    {
        var folder = Directory.CreateDirectory(_folder.PathOf("adapters")).FullName;
        void Put(string name, string source) => File.Copy(LoraGoldens.PathOf(source + ".safetensors"), Path.Combine(folder, name + ".safetensors"), overwrite: true);
        File.WriteAllText(_folder.PathOf("prompts.txt"), line.Replace("FOLDER", folder, StringComparison.Ordinal) + " --seed 1\n");
        Put("one", before);
        Assert.Equal("", Batch() is { ExitCode: not 0 } failed ? failed.Errors : "");

        Put("two", before);
        Assert.Contains("1 done before", Batch("--resume").Errors, StringComparison.Ordinal);

        if (after is null)
        {
            File.Delete(Path.Combine(folder, "one.safetensors"));
        }
        else
        {
            Put("one", after);
        }

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
