using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion.Benchmarks;

/// <summary>What the figures were measured on.</summary>
internal static class Machine
{
    /// <summary>Instructions that change how fast a network is, as Linux names them.</summary>
    private static readonly string[] _instructions = ["avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "asimd", "sve", "i8mm"];

    /// <param name="program">The version and commit of the program that was measured.</param>
    public static string Describe(string program)
    {
        var has = CpuInfo("flags") ?? CpuInfo("Features") ?? "";
        var instructions = _instructions.Intersect(has.Split(' ')).ToList();
        var processor = CpuInfo("model name") ?? RuntimeInformation.ProcessArchitecture.ToString();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{processor}, {Environment.ProcessorCount} cores{string.Concat(instructions.Select(one => $", {one}"))}; {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9:0.0} GB of memory; {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}, ONNX Runtime {OrtEnv.Instance().GetVersionString()}, sd {program}");
    }

    private static string? CpuInfo(string key) => File.Exists("/proc/cpuinfo")
        ? File.ReadLines("/proc/cpuinfo").Select(line => line.Split(':', 2)).FirstOrDefault(parts => parts.Length == 2 && parts[0].Trim() == key)?[1].Trim()
        : null;
}
