using System.Diagnostics;

namespace StableDiffusion.Benchmarks;

/// <summary>Other programs that paint the same: those of which program, packages and model are here, and why not for the others.</summary>
internal sealed class Peers
{
    private static readonly string _scripts = Path.Combine(AppContext.BaseDirectory, "Yardstick");

    public List<Contestant> Found { get; } = [];

    public List<string> Missing { get; } = [];

    public static Peers Find(YardstickTask task, string? stableDiffusionCppModel, string? diffusersModel, string folder)
    {
        var peers = new Peers();
        peers.Add("stable-diffusion.cpp", StableDiffusionCpp() is { } program ? (program, "") : null, "no sd-cli or sd of it on PATH", stableDiffusionCppModel, "--sd-cpp-model", (name, program, model) =>
            new Contestant(name, program, [.. task.ForStableDiffusionCpp(model), "-o", Path.Combine(folder, "sd-cpp.png")], Contestant.FromStableDiffusionCpp));
        peers.Add("diffusers", Python("diffusers", "torch"), "python3 does not have diffusers and torch", diffusersModel, "--diffusers-model", (name, python, model) =>
            new Contestant(name, python, [Path.Combine(_scripts, "diffusers_picture.py"), model, .. task.InOrder], Contestant.FromJson));
        peers.Add("OpenVINO", Python("openvino", "numpy"), "python3 does not have openvino and numpy", task.Model, "", (name, python, model) =>
            new Contestant(name, python, [Path.Combine(_scripts, "openvino_picture.py"), model, .. task.InOrder], Contestant.FromJson));
        return peers;
    }

    /// <summary>What a program prints; null where there is none of that name, or it fails.</summary>
    public static string? Ask(string program, params IEnumerable<string> arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            process.WaitForExit();
            return process.ExitCode == 0 ? output.GetAwaiter().GetResult() + errors.GetAwaiter().GetResult() : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    private void Add(string name, (string Program, string Version)? found, string why, string? model, string option, Func<string, string, string, Contestant> contestant)
    {
        if (found is not { } peer)
        {
            Missing.Add($"{name} ({why})");
        }
        else if (model is null)
        {
            Missing.Add($"{name} (it is here; {option} names its model)");
        }
        else
        {
            Found.Add(contestant($"{name} {peer.Version}".TrimEnd(), peer.Program, model));
        }
    }

    /// <summary>The first sd-cli or sd on PATH that is stable-diffusion.cpp's, which has an option that ours does not have.</summary>
    private static string? StableDiffusionCpp() =>
        (from folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
         from name in (string[])["sd-cli", "sd"]
         let path = Path.Combine(folder, OperatingSystem.IsWindows() ? name + ".exe" : name)
         where File.Exists(path) && Ask(path, "--help")?.Contains("--diffusion-model", StringComparison.Ordinal) == true
         select path).FirstOrDefault();

    /// <summary>A Python that has these packages, and the first one's version.</summary>
    private static (string Program, string Version)? Python(string package, string other) =>
        Ask("python3", "-c", $"import {package}, {other}; print({package}.__version__)") is { } version ? ("python3", version.Trim().Split('\n')[^1]) : null;
}

/// <summary>What every contestant is to paint.</summary>
internal sealed record YardstickTask(string Model, int Size, int Steps, int Threads)
{
    private const string Prompt = "a castle";

    internal IEnumerable<string> InOrder => [$"{Size}", $"{Steps}", $"{Threads}"];

    internal IEnumerable<string> Bare => [Model, "--size", $"{Size}", "--steps", $"{Steps}", "--threads", $"{Threads}"];

    internal IEnumerable<string> Ours =>
    [
        Prompt, "-m", Model, "-W", $"{Size}", "-H", $"{Size}", "--steps", $"{Steps}", "-t", $"{Threads}", "-s", "1", "--cfg-scale", "7.5", "--scheduler", "ddim",
        "--device", "cpu", "--json", "--progress", "none", "-q",
    ];

    /// <summary>Euler instead of DDIM, which it has only in another spacing: one call of the network a step as well.</summary>
    internal IEnumerable<string> ForStableDiffusionCpp(string model) =>
    [
        "-m", model, "-p", Prompt, "-W", $"{Size}", "-H", $"{Size}", "--steps", $"{Steps}", "-t", Threads > 0 ? $"{Threads}" : "-1", "-s", "1", "--cfg-scale", "7.5",
        "--sampling-method", "euler",
    ];
}
