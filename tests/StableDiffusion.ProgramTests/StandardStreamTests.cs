using System.Diagnostics;
using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

/// <summary>Streams as shells leave them, and words as people type them.</summary>
public sealed class StandardStreamTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("'a cat' -o a.png 2>&-", 0, "a.png")]
    [InlineData("'a cat' -o a.png 2>/dev/full", 0, "a.png")]
    [InlineData("'a cat' -o a.png >&-", 1, "")]
    [InlineData("'a cat' -o a.png >/dev/full", 1, "")]
    [InlineData("'a cat' -o a.png <&-", 0, "a.png")]
    [InlineData("- -o a.png <&-", 2, "")]
    [InlineData("batch - -o . <&-", 2, "")]
    [InlineData("'a cat' -o a.png >&- 2>&- <&-", 1, "")]
    public void Closed_and_full_streams_end_in_a_documented_way(string arguments, int exitCode, string output)
    {
        var (code, text, errors) = Shell($"\"$SD\" {arguments} --steps 1 -s 1 -m \"$M\"");
        Assert.Equal((exitCode, output), (code, text.Trim()));
        Assert.DoesNotContain("Unhandled", errors, StringComparison.Ordinal);

        // What was painted is there and whole, whatever became of the streams.
        if (arguments.Contains("a cat", StringComparison.Ordinal))
        {
            Assert.Equal(64, PngReader.Read(_folder.PathOf("a.png")).Image.Width);
            Assert.Equal(exitCode != 0 && !arguments.Contains("2>&-", StringComparison.Ordinal), errors.Contains("a.png", StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData(">&-")]
    [InlineData(">/dev/full")]
    public void A_dry_run_that_cannot_be_written_is_said(string stream)
    {
        File.WriteAllLines(_folder.PathOf("p.txt"), Enumerable.Range(0, 3000).Select(i => $"a cat --seed {i}"));
        var (code, _, errors) = Shell($"\"$SD\" batch p.txt --dry-run {stream}");
        Assert.Equal(1, code);
        Assert.Contains("standard output", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_signal_ends_the_wait_for_a_prompt()
    {
        var (code, _, _) = Shell("mkfifo p; \"$SD\" - -m \"$M\" <p & pid=$!; exec 3>p; (sleep 30; kill -9 $pid) >/dev/null 2>&1 & sleep 2; kill -TERM $pid; wait $pid");
        Assert.Equal(143, code);
    }

    [Fact]
    public void A_reader_that_leaves_ends_the_batch_with_whole_pictures()
    {
        File.WriteAllLines(_folder.PathOf("p.txt"), Enumerable.Range(0, 40).Select(i => $"a cat --seed {i}"));
        var (code, _, errors) = Shell("\"$SD\" batch p.txt --steps 1 -m \"$M\" -o out/ | true; exit ${PIPESTATUS[0]}");
        Assert.Equal(1, code);
        Assert.Contains("standard output cannot be written", errors, StringComparison.Ordinal);
        Assert.All(Directory.EnumerateFiles(_folder.PathOf("out"), "*.png"), path => Assert.Equal(64, PngReader.Read(path).Image.Width));
    }

    [Fact]
    public void A_prompt_may_begin_with_an_at_sign()
    {
        var (code, text, _) = Shell("\"$SD\" '@home, a cosy room' --steps 1 -s 1 -m \"$M\" --json -q");
        Assert.Equal(0, code);
        Assert.Contains("\"prompt\":\"@home, a cosy room\"", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_word_behind_options_of_painting_is_the_prompt_even_where_a_command_has_its_name()
    {
        var (code, text, _) = Shell("\"$SD\" -m \"$M\" grid --steps 1 -s 1 --json -q");
        Assert.Equal(0, code);
        Assert.Contains("\"prompt\":\"grid\"", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_mark_at_the_start_of_standard_input_is_no_part_of_the_prompt()
    {
        var (code, text, _) = Shell("printf '\\357\\273\\277a cat\\n' | \"$SD\" - --steps 1 -s 1 -m \"$M\" --json -q");
        Assert.Equal(0, code);
        Assert.Contains("\"prompt\":\"a cat\"", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Seeds_go_up_to_the_last_of_64_bits_and_use_the_low_32()
    {
        var (code, text, _) = Shell("\"$SD\" 'a cat' --steps 1 -s 18446744073709551615 -m \"$M\" -o a.png --json -q && \"$SD\" 'a cat' --steps 1 -s 4294967295 -m \"$M\" -o b.png -q && \"$SD\" compare a.png b.png --tolerance 0");
        Assert.Equal(0, code);
        Assert.Contains("\"seed\":18446744073709551615", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--cfg-scale 7,5", "--cfg-scale 7,5 must be a number, such as 7.5; write 7.5 with a point")]
    [InlineData("--steps 1,000", "write 1000 without commas")]
    [InlineData("-s -1..1", "is not a seed")]
    [InlineData("--save-latents 'x-{seed}.npy'", "is one file for all pictures")]
    public void What_is_written_in_another_way_is_refused_with_the_right_one(string options, string expected)
    {
        var (code, _, errors) = Shell($"\"$SD\" 'a cat' -m \"$M\" {options}");
        Assert.Equal(2, code);
        Assert.Contains(expected, errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Whole_numbers_may_end_in_point_zero_and_True_is_true()
    {
        var (code, text, _) = Shell("\"$SD\" 'a cat' -m \"$M\" --steps 2.0 -s 5.0 --scheduler dpmpp_2m --scheduler-config use_karras_sigmas=True --json -q");
        Assert.Equal(0, code);
        Assert.Contains("Steps: 2, ", text, StringComparison.Ordinal);
        Assert.Contains("Schedule type: Karras", text, StringComparison.Ordinal);
    }

    /// <summary>What a command prints is its result, so that a full disk is an error.</summary>
    [Theory]
    [InlineData("vocabulary")]
    [InlineData("doctor -m \"$M\"")]
    [InlineData("inspect \"$M\" --json")]
    [InlineData("cache --json")]
    [InlineData("config")]
    [InlineData("list --json")]
    [InlineData("help all")]
    [InlineData("completion bash")]
    [InlineData("man")]
    [InlineData("--version")]
    public void A_result_that_cannot_be_written_is_an_error_of_every_command(string arguments)
    {
        var (code, _, errors) = Shell($"\"$SD\" {arguments} >/dev/full");
        Assert.Equal((1, "error: writing to standard output or to a file failed: No space left on device\n"), (code, errors));
    }

    /// <summary>The memory is what .NET is told that there is.</summary>
    [Fact]
    public void Memory_that_is_used_up_is_one_line_that_says_what_takes_less()
    {
        var outcome = SdProgram.Run(
            ["a cat", "-m", Goldens.PathOf("models", "sd1"), "--steps", "1", "--num-images", "60000", "--device", "cpu", "-o", "a.png"],
            _folder.Path,
            input: "",
            new Dictionary<string, string> { ["DOTNET_GCHeapHardLimit"] = "0x2000000" });

        Assert.Equal((1, "error: the memory is used up; ask for a smaller -W and -H, fewer --num-images, or --low-memory.\n"), (outcome.ExitCode, outcome.Errors));
        Assert.Empty(_folder.Names());
    }

    /// <summary>What goes wrong, and how it is told.</summary>
    public static TheoryData<Exception, int, string> Failures => new()
    {
        { new RequestException("there is no file a.png."), 2, "error: there is no file a.png." },
        { new ModelException("sd1 has no unet."), 1, "error: sd1 has no unet." },
        { new DeviceException("CUDA does not work."), 1, "error: CUDA does not work." },
        { new UnauthorizedAccessException("Access to the path '/models/x' is denied."), 1, "error: Access to the path '/models/x' is denied; change its rights, or name another place." },
        { new IOException("No space left\non device"), 1, "error: writing to standard output or to a file failed: No space left on device" },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public void What_goes_wrong_is_one_line_with_its_exit_code(Exception error, int exitCode, string line)
    {
        var (code, lines) = Report(error);
        Assert.Equal((exitCode, line), (code, Assert.Single(lines)));
    }

    [Fact]
    public void What_was_not_foreseen_is_one_line_that_asks_for_a_report()
    {
        var (code, lines) = Report(new InvalidOperationException("two\nlines"));
        Assert.Equal(ExitCode.Unforeseen, code);
        Assert.Contains("InvalidOperationException: two lines); please report it", Assert.Single(lines), StringComparison.Ordinal);

        (code, lines) = Report(new InvalidOperationException("again"), json: true, "-v");
        Assert.Equal((ExitCode.Unforeseen, 2), (code, lines.Length));
        Assert.All(lines, line => Assert.NotNull(System.Text.Json.Nodes.JsonNode.Parse(line)));
    }

    /// <summary>The exit code and the lines on standard error.</summary>
    private static (int Code, string[] Lines) Report(Exception error, bool json = false, params string[] words)
    {
        var before = Console.Error;
        using var written = new StringWriter();
        Console.SetError(written);
        try
        {
            var code = CommandLine.Report(error, words, new ConsoleLog(quiet: false, verbose: false, json: json));
            return (code, written.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
        }
        finally
        {
            Console.SetError(before);
        }
    }

    private (int Code, string Output, string Errors) Shell(string script)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Streams are redirected as Linux does it.");
        File.WriteAllText(_folder.PathOf("sd"), $"#!/bin/sh\nexec {SdProgram.ShellWords} \"$@\"\n");
        var start = new ProcessStartInfo("bash", ["-c", "chmod +x \"$SD\"; " + script]) { WorkingDirectory = _folder.Path, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        (start.Environment["SD"], start.Environment["M"], start.Environment["XDG_CONFIG_HOME"]) = (_folder.PathOf("sd"), Goldens.PathOf("models", "sd1"), _folder.PathOf("no-configuration"));
        start.Environment.Remove("SD_MODEL");
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.GetAwaiter().GetResult());
    }
}
