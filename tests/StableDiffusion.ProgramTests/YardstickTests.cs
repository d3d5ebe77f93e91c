using System.Diagnostics;

namespace StableDiffusion.Tests;

/// <summary>The benchmark that sets this program beside others runs. What it measures is for people to judge: no test here has a clock.</summary>
public sealed class YardstickTests : IDisposable
{
    private static readonly string _benchmarks = Path.Combine(
        AppContext.BaseDirectory.Replace("StableDiffusion.ProgramTests", "StableDiffusion.Benchmarks", StringComparison.Ordinal), "StableDiffusion.Benchmarks.dll");

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void The_yardstick_has_a_row_for_this_program_with_any_options_and_one_for_bare_ONNX_Runtime()
    {
        var outcome = Measure("--rounds", "2", "--also", "--attention plain");

        Assert.True(outcome.ExitCode == 0, outcome.Errors);
        Assert.Equal(["bare ONNX Runtime", "sd", "sd --attention plain"], Rows(outcome).Select(row => row[0]));
        Assert.All(Rows(outcome), row => Assert.All(row.Skip(1).Where(cell => !cell.Contains('–')), cell => Assert.True(double.Parse(cell) >= 0)));
        Assert.Equal(["1.00", "1.00", "1.00"], Rows(outcome)[0][^3..]);
        Assert.Contains("ONNX Runtime 1.", outcome.OutputLines[^2], StringComparison.Ordinal);
        Assert.StartsWith("Not measured: stable-diffusion.cpp (", outcome.OutputLines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Rounds_can_be_measured_one_by_one()
    {
        Measure("--rounds", "1", "--log", "runs");
        Measure("--rounds", "1", "--log", "runs", "--threads", "1"); // another task
        var outcome = Measure("--rounds", "1", "--log", "runs");

        Assert.StartsWith("sd1, 64 × 64, 1 step with guidance, threads by default; medians of 2 rounds", outcome.Output, StringComparison.Ordinal);
        Assert.Equal(6, File.ReadAllLines(_folder.PathOf("runs")).Length);
    }

    [Fact]
    public void A_peer_on_PATH_is_told_from_this_program_and_read_by_its_log()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "A shell script stands for stable-diffusion.cpp.");
        Script("sd", "echo '--graph-cache, as ours'");
        Script("sd-cli", """
            [ "$1" != --help ] || { echo "  --diffusion-model  path"; exit; }
            [ "$2" = model.gguf ] || exit 1
            echo "[INFO ] model.cpp:1 - loading tensors completed, taking 1.25s (process: 0.03s)"
            echo "[INFO ] stable-diffusion.cpp:2 - sampling completed, taking 3.50s" >&2
            echo "[INFO ] stable-diffusion.cpp:3 - decode_first_stage completed, taking 0.75s"
            """);

        var row = Rows(Measure("--rounds", "1", "--sd-cpp-model", "model.gguf")).Single(row => row[0] == "stable-diffusion.cpp");

        Assert.Equal(["1.25", "3.500", "3.500 – 3.500", "0.75"], row[1..5]);
    }

    [Fact]
    public void A_contestant_that_fails_is_named_with_its_last_line_and_the_others_go_on()
    {
        var outcome = Measure("--rounds", "1", "--also", "--attention sparse");

        Assert.True(outcome.ExitCode == 0, outcome.Errors);
        Assert.Equal(["bare ONNX Runtime", "sd"], Rows(outcome).Select(row => row[0]));
        Assert.Contains("sd --attention sparse (it failed: error: --attention sparse is not known; give fused or plain.)", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_GPU_the_script_for_one_says_so_in_one_line()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || File.Exists("/dev/nvidia0"), "It takes bash, and no GPU.");
        using var script = Process.Start(new ProcessStartInfo("bash", [Path.Combine(Repository.Root, "tests", "StableDiffusion.Benchmarks", "gpu.sh"), Refused.GoodModel]) { RedirectStandardError = true })!;
        var errors = script.StandardError.ReadToEnd();
        script.WaitForExit();

        Assert.Equal(("error: nvidia-smi is not here; this needs an NVIDIA GPU, its driver, CUDA 13 and cuDNN 9.\n", 1), (errors, script.ExitCode));
    }

    public void Dispose() => _folder.Dispose();

    private SdProgram.Outcome Measure(params string[] options) => SdProgram.Run(
        ["yardstick", Refused.GoodModel, "--size", "64", "--steps", "1", .. options],
        _folder.Path,
        input: null,
        new Dictionary<string, string> { ["PATH"] = $"{_folder.Path}{Path.PathSeparator}{Environment.GetEnvironmentVariable("PATH")}" },
        _benchmarks);

    private static List<string[]> Rows(SdProgram.Outcome outcome) =>
        [.. outcome.OutputLines.Where(line => line.StartsWith('|')).Skip(2).Select(line => line.Trim('|').Split('|', StringSplitOptions.TrimEntries))];

    private void Script(string name, string text)
    {
        File.WriteAllText(_folder.PathOf(name), $"#!/bin/sh\n{text}\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_folder.PathOf(name), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }
}
