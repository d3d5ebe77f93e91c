using System.Diagnostics;
using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary>Nothing that was reported is lost, nothing is torn and nothing is painted twice, however the program ends.</summary>
public sealed class BatchCrashTests : IDisposable
{
    private const int Kills = 20;
    private const string Text = "{red|green|blue} apple --seed 1..100 --steps 1";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_run_that_is_killed_20_times_ends_with_the_pictures_of_an_undisturbed_one()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "SIGKILL is a POSIX signal.");
        var undisturbed = _folder.PathOf("undisturbed/");
        var killed = _folder.PathOf("killed/");
        File.WriteAllText(_folder.PathOf("prompts.txt"), Text);
        var random = new Random(20261122);
        Assert.Equal(0, BatchProgram.Run(Text, "--output", undisturbed).ExitCode);

        for (var kill = 0; kill < Kills; kill++)
        {
            using var process = BatchProgram.Start(_folder.PathOf("prompts.txt"), "--output", killed, "--resume", "--quiet");

            // From the first picture on, for up to as long as ten take: most moments of the work are hit, and the work is not done early.
            process.StandardOutput.ReadLine();
            var moment = Stopwatch.StartNew();
            var wait = TimeSpan.FromMilliseconds(random.Next(150));
            SpinWait.SpinUntil(() => moment.Elapsed > wait);
            process.Kill();
            process.WaitForExit();
            Assert.Equal(137, process.ExitCode);
        }

        var end = BatchProgram.Run(Text, "--output", killed, "--resume");

        Assert.Equal(0, end.ExitCode);
        Assert.Equal(BatchProgram.Pictures(undisturbed), BatchProgram.Pictures(killed));
        Assert.Empty(Directory.EnumerateFiles(killed, AtomicFile.TemporaryPattern));
        var paths = File.ReadLines(killed + "manifest.jsonl").Select(line => (string)JsonNode.Parse(line)!["path"]!).ToList();
        Assert.Equal(BatchProgram.Pictures(undisturbed).Keys, paths.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_picture_without_its_manifest_line_is_not_painted_beside_itself()
    {
        const string Three = "apple --seed 1..3";
        var output = _folder.PathOf("out/");
        BatchProgram.Run(Three, "--output", output);
        var before = BatchProgram.Pictures(output);
        var lines = File.ReadAllLines(output + "manifest.jsonl");

        // As a run leaves it that is killed between the rename and the line.
        File.WriteAllText(output + "manifest.jsonl", string.Concat(lines[..2].Select(line => line + "\n")));
        var (path, hash) = (before.Keys.Last(), before.Values.Last().ToLowerInvariant());
        File.WriteAllText(output + ".sd-batch.json", $"{{\"pid\":1,\"host\":\"x\",\"writing\":\"{path}\",\"sha256\":\"{hash}\"}}\nrest of a longer line");
        var resumed = BatchProgram.Run(Three, "--output", output, "--resume");

        Assert.Equal((0, 1), (resumed.ExitCode, resumed.OutputLines.Count));
        Assert.Equal(before, BatchProgram.Pictures(output));
        Assert.False(File.Exists(output + ".sd-batch.json"));
    }

    /// <summary>The note names what is being written, not what was: without its manifest line a picture that is done would be taken for the rest of a killed run.</summary>
    [Fact]
    public void A_picture_that_was_reported_stays_though_the_manifest_is_removed()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "SIGKILL is a POSIX signal.");
        var output = _folder.PathOf("out/");
        using (var process = BatchProgram.Start("-", "--output", output))
        {
            process.StandardInput.WriteLine("apple --seed 1");
            process.StandardInput.Flush();
            process.StandardOutput.ReadLine();
            process.Kill();
            process.WaitForExit();
        }

        var before = BatchProgram.Pictures(output);
        File.Delete(output + "manifest.jsonl");
        var resumed = BatchProgram.Run("apple --seed 1", "--output", output, "--resume");

        Assert.Equal((0, 2), (resumed.ExitCode, BatchProgram.Pictures(output).Count));
        Assert.Equal(before, BatchProgram.Pictures(output).Where(picture => before.ContainsKey(picture.Key)));
        Assert.False(File.Exists(output + ".sd-batch.json"));
    }

    [Fact]
    public void A_note_takes_away_what_the_killed_run_wrote_and_nothing_else()
    {
        var output = _folder.PathOf("out/");
        BatchProgram.Run("apple --seed 1", "--output", output);
        foreach (var (content, stays) in new[] { ("", false), ("precious", true) })
        {
            File.WriteAllText(output + "somebodys.png", content);
            File.WriteAllText(output + ".sd-batch.json", "{\"writing\":\"somebodys.png\",\"sha256\":\"00\"}\n");

            Assert.Equal(0, BatchProgram.Run("apple --seed 1", "--output", output, "--resume").ExitCode);
            Assert.Equal(stays, File.Exists(output + "somebodys.png"));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_last_line_that_lacks_only_its_end_is_kept(int cut)
    {
        var output = _folder.PathOf("out/");
        BatchProgram.Run("apple --seed 1..2", "--output", output);
        var whole = File.ReadAllText(output + "manifest.jsonl");
        File.WriteAllText(output + "manifest.jsonl", whole[..^cut]);

        var resumed = BatchProgram.Run("apple --seed 1..2", "--output", output, "--resume");

        Assert.Equal(cut - 1, resumed.OutputLines.Count);
        Assert.Equal(whole.Split('\n').Length, File.ReadAllText(output + "manifest.jsonl").Split('\n').Length);
    }

    [Fact]
    public void A_full_disk_is_said_plainly_and_the_rest_is_painted_when_there_is_room()
    {
        var disk = _folder.PathOf("disk");
        Directory.CreateDirectory(disk);
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && Shell("mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", disk),
            "A small disk is a tmpfs, which only root may mount.");
        try
        {
            var whole = _folder.PathOf("whole/");
            const string Ten = "apple --seed 1..20 --steps 1";
            BatchProgram.Run(Ten, "--output", whole);

            var full = BatchProgram.Run(Ten, "--output", disk + "/");
            var kept = BatchProgram.Pictures(disk);
            Shell("mount", "-o", "remount,size=4m", disk);
            var resumed = BatchProgram.Run(Ten, "--output", disk + "/", "--resume");

            Assert.Equal(1, full.ExitCode);
            Assert.Contains("No space left on device", full.ErrorLines.Single(), StringComparison.Ordinal);
            Assert.InRange(full.OutputLines.Count, 1, 19);
            Assert.Equal(0, resumed.ExitCode);
            Assert.Equal(20 - full.OutputLines.Count, resumed.OutputLines.Count);
            Assert.Equal(BatchProgram.Pictures(whole), BatchProgram.Pictures(disk));
            Assert.All(full.OutputLines, path => Assert.True(kept.ContainsKey(Path.GetFileName(path))));
        }
        finally
        {
            Shell("umount", disk);
        }
    }

    [Fact]
    public void A_folder_that_vanishes_ends_the_run_and_is_not_made_again()
    {
        var vanishing = _folder.PathOf("out/");
        using var process = BatchProgram.Start("-", "--output", vanishing);
        process.StandardInput.WriteLine("apple --seed 1");
        process.StandardInput.Flush();
        process.StandardOutput.ReadLine();

        Directory.Delete(vanishing, recursive: true);
        process.StandardInput.WriteLine("apple --seed 2");
        process.StandardInput.Flush();
        process.WaitForExit();

        Assert.Equal(1, process.ExitCode);
        Assert.Contains("there is no folder", process.StandardError.ReadToEnd(), StringComparison.Ordinal);
        Assert.False(Directory.Exists(vanishing));
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_said_in_one_line_before_the_model_is_opened()
    {
        File.WriteAllText(_folder.PathOf("file"), "");

        Refused.Run(Refused.Usage, "is a file, not a folder", _folder, ["batch", "-", "--model", "no-such-model", "--output", _folder.PathOf("file/out/")]);
    }

    private static bool Shell(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
