using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary>The built program's <c>batch</c> on a small model.</summary>
public sealed class BatchProgramTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void One_bad_line_is_reported_with_its_number_and_the_others_are_painted()
    {
        var outcome = BatchProgram.Run("a red apple --seed 1\nan apple --stepz 3\na pear --seed 2\na plum --width 60", "--output", Out);

        Assert.Equal(1, outcome.ExitCode);
        Assert.Equal([$"{Out}00000-1-a-red-apple.png", $"{Out}00002-2-a-pear.png"], outcome.OutputLines);
        Assert.Contains("error: line 2: there is no option --stepz; see batch --help for all that a line may have.", outcome.ErrorLines);
        Assert.Contains(outcome.ErrorLines, line => line.StartsWith("error: line 4: width 60 does not fit", StringComparison.Ordinal));
    }

    [Fact]
    public void A_warning_names_its_line_and_comes_once()
    {
        var tooLong = string.Join(' ', Enumerable.Repeat("apple", 90));

        var outcome = BatchProgram.Run($"a pear --seed 1\n{tooLong} --seed 1..2", "--output", Out, "--long-prompt", "truncate");

        var warning = Assert.Single(outcome.ErrorLines, line => line.StartsWith("warning: ", StringComparison.Ordinal));
        Assert.StartsWith("warning: line 2: the prompt is longer than the 75 tokens the model reads; left out: ", warning, StringComparison.Ordinal);
    }

    [Fact]
    public void Fail_fast_stops_at_the_first_bad_line()
    {
        var outcome = BatchProgram.Run("a red apple --seed 1\nan apple --stepz 3\na pear --seed 2", "--output", Out, "--fail-fast");

        Assert.Equal(1, outcome.ExitCode);
        Assert.Single(outcome.OutputLines);
        Assert.Contains("error: stopped at the first line that failed (--fail-fast).", outcome.Errors, StringComparison.Ordinal);
    }

    /// <summary>Each fails alone, and the last line is painted.</summary>
    [Fact]
    public void What_is_wrong_with_a_line_is_said_with_its_number()
    {
        (string Line, string Says)[] all =
        [
            (string.Concat(Enumerable.Repeat("{a|b}", 21)), "the groups {…|…} stand for more than 1000000 texts; use fewer."),
            ($"{string.Concat(Enumerable.Repeat("{a|", 65))}b{new string('}', 65)}", "groups {…|…} may stand in one another 64 deep; use fewer."),
            ("a pear --seed 1 --seed 2", "--seed is given twice."),
            ("--seed 1", "there is no prompt (\"\" paints without one)."),
            ("a pear --index 99999999999", "index 99999999999 is not a whole number from 0 to 2147483647."),
            ("a pear --output /a.png", "output /a.png must be a name inside the batch's folder: no leading /, no .. and no // in it."),
            ("a pear --save-latents a.npy", "there is no option --save-latents; see batch --help for all that a line may have."),
            ("a pear --index 2147483647 --seed 1..2", "its number would be above 2147483647; give a smaller index before."),
        ];

        var outcome = BatchProgram.Run(string.Join('\n', [.. all.Select(one => one.Line), "an apple --index 5"]), "--output", Out, "--steps", "1", "--seed", "1");

        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains(outcome.OutputLines, line => line.EndsWith("00005-1-an-apple.png", StringComparison.Ordinal));
        Assert.All(all.Index(), one => Assert.Contains($"error: line {one.Index + 1}: {one.Item.Says}", outcome.Errors, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_picture_has_its_line_on_stdout_and_in_the_manifest()
    {
        var outcome = BatchProgram.Run("{\"prompt\": \"a red apple\", \"seed\": 5, \"cfg_scale\": 3}", "--output", Out, "--json");

        var line = JsonNode.Parse(outcome.OutputLines.Single())!;
        var path = (string)line["path"]!;
        Assert.Equal((5, 2, 3, 64), ((int)line["seed"]!, (int)line["steps"]!, (int)line["cfg_scale"]!, (int)line["width"]!));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))), (string?)line["sha256"]);
        Assert.True((double)line["seconds"]!["unet"]! > 0);
        line["path"] = Path.GetFileName(path);
        Assert.True(JsonNode.DeepEquals(line, JsonNode.Parse(File.ReadAllText(Out + "manifest.jsonl"))));
    }

    [Fact]
    public void Progress_json_makes_every_line_of_stderr_an_object()
    {
        var outcome = BatchProgram.Run("a red apple --seed 1\nan apple --stepz 3", "--output", Out, "--progress", "json");

        Assert.Equal(["step", "step", "step", "picture", "error", "info"], Events(outcome));
    }

    [Fact]
    public void Resume_paints_what_is_missing_torn_or_changed_and_nothing_else()
    {
        const string Text = "{red|green|blue} apple --seed 1\nthe same --seed 1\nthe same --seed 1";
        string[] arguments = ["--output", Out + "{prompt}.png"];
        BatchProgram.Run(Text, arguments);
        var before = Pictures();
        File.Delete(Out + "red-apple.png");
        File.WriteAllBytes(Out + "green-apple.png", File.ReadAllBytes(Out + "green-apple.png")[..^50]);
        File.WriteAllBytes(Out + "the-same-2.png", []);
        File.AppendAllText(Out + "manifest.jsonl", "{\"path\":\"00009.p");

        var refused = BatchProgram.Run(Text, arguments);
        var resumed = BatchProgram.Run(Text, [.. arguments, "--resume"]);
        var again = BatchProgram.Run(Text, [.. arguments, "--resume"]);

        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("is of an earlier run; continue it with --resume", refused.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("writing failed", refused.Errors, StringComparison.Ordinal);
        Assert.Equal(["red-apple.png", "green-apple.png", "the-same-2.png"], resumed.OutputLines.Select(Path.GetFileName));
        Assert.Equal(before, Pictures());
        Assert.Empty(again.OutputLines);
        Assert.All(File.ReadLines(Out + "manifest.jsonl"), line => Assert.NotNull(JsonNode.Parse(line)));
    }

    [Fact]
    public void A_drawn_seed_is_kept_when_the_run_is_resumed()
    {
        BatchProgram.Run("an apple --batch-count 2", "--output", Out);
        var before = Pictures();

        var resumed = BatchProgram.Run("an apple --batch-count 3", "--output", Out, "--resume");

        Assert.Single(resumed.OutputLines);
        Assert.Equal(before, Pictures().Where(picture => before.ContainsKey(picture.Key)));
    }

    [Theory]
    [InlineData("an apple")]
    [InlineData("an apple --num-images 2")]
    [InlineData("an apple --variation-strength 0.5")]
    [InlineData("an apple --seed 5 --variation-strength 0.5 --batch-count 2")]
    public void A_drawn_seed_is_kept_for_a_picture_that_is_torn(string line)
    {
        BatchProgram.Run(line, "--output", Out);
        var before = Pictures();
        File.WriteAllBytes(Out + before.Keys.Last(), [1, 2, 3]);

        var resumed = BatchProgram.Run(line, "--output", Out, "--resume");

        Assert.Equal(0, resumed.ExitCode);
        Assert.Equal(before, Pictures());
    }

    [Theory]
    [InlineData("1")]
    [InlineData("4")]
    public void A_line_whose_name_cannot_be_written_fails_alone(string together)
    {
        var text = string.Join('\n', $"a --seed 1 --output {new string('x', 300)}.png", "b --seed 1 --output sub.png", "c --seed 1 --output sub.png/y.png", "d --seed 1 --output e/f.png");
        string[] arguments = ["--output", Out, "--unet-batch", together, "--quiet"];

        var outcome = BatchProgram.Run(text, arguments);
        var resumed = BatchProgram.Run(text, [.. arguments, "--resume"]);

        Assert.Equal([Out + "sub.png", Out + "e/f.png"], outcome.OutputLines);
        Assert.Empty(resumed.OutputLines);
        Assert.All([outcome, resumed], one =>
        {
            Assert.Equal(1, one.ExitCode);
            Assert.Contains(one.ErrorLines, line => line.StartsWith("error: line 1: ", StringComparison.Ordinal) && line.EndsWith("the name is too long; choose a shorter one.", StringComparison.Ordinal));
            Assert.Contains(one.ErrorLines, line => line.StartsWith("error: line 3: ", StringComparison.Ordinal) && line.EndsWith("is a file, not a folder; choose another.", StringComparison.Ordinal));
            Assert.Equal(2, one.ErrorLines.Count);
        });
        Assert.Equal(["e/f.png", "sub.png"], Pictures().Keys);
        Assert.Empty(Directory.EnumerateFiles(Out, AtomicFile.TemporaryPattern));
    }

    [Fact]
    public void Resume_and_merge_know_every_name_that_a_run_writes()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "No name on Windows has a colon or a backslash.");
        const string Text = "an apple\na pear --output a\\\\b.png\na fig --output x:y/{seed}.png";
        string[] arguments = ["--output", Out + "12:30-{index}.png"];
        BatchProgram.Run(Text, [.. arguments, "--seed", "1"]);
        var manifest = File.ReadAllText(Out + "manifest.jsonl");

        var resumed = BatchProgram.Run(Text, [.. arguments, "--seed", "1", "--resume"]);
        var merged = SdProgram.Run("batch", "merge", Out);

        Assert.Equal(["12:30-0.png", "a\\b.png", "x:y/1.png"], Pictures().Keys);
        Assert.Equal((0, 0, 0), (resumed.ExitCode, resumed.OutputLines.Count, merged.ExitCode));
        Assert.Contains("3 pictures, 0 torn or gone", merged.Errors, StringComparison.Ordinal);
        Assert.Equal(manifest, File.ReadAllText(Out + "manifest.jsonl"));
    }

    [Fact]
    public void A_dry_run_paints_nothing_and_prints_a_batch_that_is_the_same()
    {
        const string Text = "\"a \\\"{big\\|small}\\\" {red|green} apple\" --seed 1..2\nbad --x 1\na pear --output pears/{seed}.png";
        var dry = BatchProgram.Run(Text, "--output", Out, "--dry-run", "--cfg-scale", "3");
        var dryAgain = BatchProgram.Run(dry.Output, "--dry-run", "--steps", "9");

        Assert.Equal(1, dry.ExitCode);
        Assert.False(Directory.Exists(Out));
        Assert.Equal(5, dry.OutputLines.Count);
        Assert.Equal((0, dry.Output), (dryAgain.ExitCode, dryAgain.Output));
    }

    [Fact]
    public void The_manifest_paints_the_same_pictures_again()
    {
        BatchProgram.Run("{red|green} apple --seed 1..2\na pear\na fig --num-images 2\na plum --variation-strength 0.5 --batch-count 2", "--output", Out, "--cfg-scale", "3");
        var copy = _folder.PathOf("copy/");

        var again = BatchProgram.Run(File.ReadAllText(Out + "manifest.jsonl"), "--output", copy);

        Assert.Equal(0, again.ExitCode);
        Assert.Equal(Pictures(), BatchProgram.Pictures(copy));
    }

    /// <summary>What is drawn, counted up, or taken out of the prompt is in the line; what asks for several pictures is not.</summary>
    [Theory]
    [InlineData("red robot <lora:kohya-r4:0.5>", "--lora-dir LORA -n {dog|cat}<lora:peft-r4:0.2>", 1)]
    [InlineData("a {red|green} castle", "--variation-strength 0.5 -b 2", 2)]
    [InlineData("a castle", "-s 5,7 --variation-seed 9 --variation-strength 0.2", 2)]
    [InlineData("a castle", "--batch_size 2 --n_iter 2 --tiling", 4)]
    [InlineData("a castle", "--num-images 2 --scheduler euler_a", 2)]
    [InlineData("a castle", "-W 48 -H 32 --hires-scale 2 --hires-strength 0.5 --upscale 2", 1)]
    [InlineData(null, "--from first.png -b 2 --lora-dir LORA", 2)]
    public void Each_line_of_json_paints_its_picture_again(string? prompt, string options, int pictures)
    {
        string[] model = ["-m", Goldens.PathOf("models", "sd1"), "--device", "cpu", "--threads", "1"];
        if (prompt is null)
        {
            Assert.Equal(0, SdProgram.Run(["red robot <lora:kohya-r4:0.5>", "--lora-dir", LoraGoldens.Folder, "--steps", "2", "-s", "3", "-o", "first.png", .. model], _folder.Path, "").ExitCode);
        }

        var painted = SdProgram.Run(
            [.. prompt is null ? Array.Empty<string>() : [prompt, "--steps", "2"], .. options.Replace("LORA", LoraGoldens.Folder, StringComparison.Ordinal).Split(' '), "--json", "-o", "plain/", .. model],
            _folder.Path, "");

        // Backwards, so that no line leans on the one before it; by way of the jobs that a dry run prints.
        var dry = SdProgram.Run(["batch", "-", "--dry-run", .. model], _folder.Path, string.Join('\n', painted.OutputLines.Reverse()));
        var again = SdProgram.Run(["batch", "-", "-o", "again/", "--json", .. model], _folder.Path, dry.Output);

        Assert.Equal(("", 0), (dry.Errors, again.ExitCode));
        Assert.Equal(pictures, Hashes(painted).Distinct().Count());
        Assert.Equal(Hashes(painted).Reverse(), Hashes(again));

        static IEnumerable<string> Hashes(SdProgram.Outcome outcome) => outcome.OutputLines.Select(line => (string)JsonNode.Parse(line)!["sha256"]!);
    }

    [Fact]
    public void Jobs_painted_together_come_out_as_they_do_alone()
    {
        // The longer prompt needs two chunks of tokens, the seed of the last line another generator, two lines other steps.
        var text = $"red apple --seed 1\n{string.Join(' ', Enumerable.Repeat("green", 90))} apple --seed 2\nblue --seed 3\npear --seed 4 --negative-prompt dark\n"
            + "plum --seed 5 --steps 3\nfig --seed 6 --steps 3\nlime --seed 7 --rng nvidia\n";
        BatchProgram.Run(text, "--output", Out);
        var together = _folder.PathOf("together/");

        var outcome = BatchProgram.Run(text, "--output", together, "--unet-batch", "4", "--json");

        Assert.Equal(0, outcome.ExitCode);
        Assert.Equal([1, 1, 2, 2, 2, 2, 1], outcome.OutputLines.Select(line => (int)JsonNode.Parse(line)!["unet_batch"]!));
        AssertSamePictures(Out, together);
    }

    /// <summary>Whether they are is the processor's to say; what the other lines do is not.</summary>
    [Fact]
    public void Small_pictures_are_painted_together_without_being_asked_and_a_bad_line_waits_for_its_turn()
    {
        const string Text = "red apple --seed 1\nblue --seed 2\n\na pear --stepz 3\nfig --seed 3\nplum --seed 4";
        BatchProgram.Run(Text, "--output", Out, "--unet-batch", "1");
        var together = _folder.PathOf("together/");

        var outcome = BatchProgram.Run(Text, "--output", together, "--progress", "json");

        Assert.Equal(Pictures(), BatchProgram.Pictures(together));
        Assert.Equal(["picture", "picture", "error", "picture", "picture", "info"], Events(outcome).Where(name => name != "step"));
        Assert.All(File.ReadLines(together + "manifest.jsonl"), line => Assert.InRange((int)JsonNode.Parse(line)!["unet_batch"]!, 1, 2));
    }

    [Fact]
    public void An_ancestral_scheduler_draws_for_each_job_from_its_own_seed()
    {
        const string Text = "apple --seed 1\npear --seed 2";
        BatchProgram.Run(Text, "--output", Out, "--scheduler", "euler_a");
        var together = _folder.PathOf("together/");

        BatchProgram.Run(Text, "--output", together, "--scheduler", "euler_a", "--unet-batch", "2");

        AssertSamePictures(Out, together);
    }

    [Fact]
    public void Shards_share_a_folder_and_merge_to_the_manifest_of_one_run()
    {
        const string Text = "{red|green|blue} apple --seed 1..4";
        var whole = _folder.PathOf("whole/");
        BatchProgram.Run(Text, "--output", whole);

        foreach (var shard in (string[])["1/3", "2/3", "3/3"])
        {
            Assert.Equal(0, BatchProgram.Run(Text, "--output", Out, "--shard", shard).ExitCode);
        }

        var merged = SdProgram.Run("batch", "merge", Out);
        Assert.Equal(0, merged.ExitCode);
        Assert.Equal(BatchProgram.Pictures(whole), Pictures());
        Assert.Equal(Hashes(whole), Hashes(Out));

        File.Delete(Directory.EnumerateFiles(Out, "*.png").First());
        Assert.Equal(1, SdProgram.Run("batch", "merge", Out).ExitCode);
    }

    [Fact]
    public void Lines_are_painted_as_they_arrive_and_a_second_run_is_refused_meanwhile()
    {
        using var process = BatchProgram.Start("-", "--output", Out);
        for (var seed = 0; seed < 3; seed++)
        {
            process.StandardInput.WriteLine($"an apple --seed {seed}");
            process.StandardInput.Flush();
            Assert.Equal($"{Out}0000{seed}-{seed}-an-apple.png", process.StandardOutput.ReadLine());
        }

        var second = BatchProgram.Run("a pear", "--output", Out, "--resume");
        process.StandardInput.Close();
        process.WaitForExit();

        Assert.Equal(1, second.ExitCode);
        Assert.Contains($"another run (process {process.Id} on {Environment.MachineName}) is painting into", second.Errors, StringComparison.Ordinal);
        Assert.Equal(0, process.ExitCode);
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    public void A_signal_ends_the_run_with_its_exit_code_and_resume_does_the_rest(string signal, int exitCode)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such signals.");
        const string Text = "an apple --seed 0..2";
        using var process = BatchProgram.Start("-", "--output", Out);
        process.StandardInput.WriteLine(Text);
        process.StandardInput.Flush();
        process.StandardOutput.ReadLine();

        Process.Start("kill", ["-" + signal, $"{process.Id}"]).WaitForExit();
        process.WaitForExit();
        var errors = process.StandardError.ReadToEnd();
        var resumed = BatchProgram.Run(Text, "--output", Out, "--resume");

        Assert.Equal(exitCode, process.ExitCode);
        Assert.Contains("error: stopped.", errors, StringComparison.Ordinal);
        Assert.Equal((0, 3), (resumed.ExitCode, Pictures().Count));
    }

    [Theory]
    [InlineData("there is no file", "no-such-file")]
    [InlineData("is a folder", ".")]
    [InlineData("--shard 5/4 must have K from 1 to N", "-", "--shard", "5/4")]
    [InlineData("--shard x must be K/N such as 1/4, or auto, or auto/N.", "-", "--shard", "x")]
    [InlineData("--shard auto finds neither SLURM_ARRAY_TASK_ID, SLURM_PROCID nor JOB_COMPLETION_INDEX; give --shard K/N.", "-", "--shard", "auto")]
    [InlineData("is one file for many pictures", "-", "--output", "one.png")]
    [InlineData("--unet-batch 0 must be at least 1", "-", "--unet-batch", "0")]
    [InlineData("--progress 'loud noise' is not known", "-", "--progress", "loud noise")]
    public void Wrong_usage_is_said_in_one_line(string message, params string[] arguments)
    {
        var outcome = SdProgram.Run(["batch", .. arguments]);

        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains(message, outcome.ErrorLines.Single(), StringComparison.Ordinal);
    }

    [Fact]
    public void Input_that_is_no_text_is_said_in_one_line()
    {
        File.WriteAllBytes(_folder.PathOf("prompts.txt"), [.. "a red apple\n"u8, 0xC3, 0x28, (byte)'\n']);

        foreach (var way in (string[][])[["--dry-run"], ["--output", Out, "--model", Goldens.PathOf("models", "sd1"), "--quiet"]])
        {
            var outcome = SdProgram.Run(["batch", _folder.PathOf("prompts.txt"), .. way]);

            Assert.Equal(2, outcome.ExitCode);
            Assert.Contains($"error: {_folder.PathOf("prompts.txt")} is not UTF-8 text in line 2", outcome.ErrorLines.Single(), StringComparison.Ordinal);

            // The lines before are good.
            Assert.Single(outcome.OutputLines);
        }
    }

    private string Out => _folder.PathOf("out/");

    // A network may sum in another order in a larger batch, on some processors. Another seed changes values by 100 levels and more.
    private static void AssertSamePictures(string alone, string together) => Assert.All(BatchProgram.Pictures(alone).Keys, name =>
        Assert.InRange(Differences.Largest(PngReader.Read(alone + name).Image, PngReader.Read(together + name).Image), 0, 2));

    private SortedDictionary<string, string> Pictures() => BatchProgram.Pictures(Out);

    private static IEnumerable<string?> Events(SdProgram.Outcome outcome) => outcome.ErrorLines.Select(line => (string?)JsonNode.Parse(line)!["event"]);

    private static IEnumerable<string> Hashes(string folder) => File.ReadLines(folder + "manifest.jsonl").Select(line => (string)JsonNode.Parse(line)!["sha256"]!);
}
