using System.Diagnostics;
using System.Text.RegularExpressions;

namespace StableDiffusion.Tests;

/// <summary>
/// Libraries in the place of CUDA's, of what <c>device.c</c> has and, for all else that ONNX Runtime's provider looks for there, of functions that do nothing: with
/// them the provider itself runs where there is no GPU.
/// </summary>
public sealed partial class CudaLibraries : IDisposable
{
    private static readonly string _provider = Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "libonnxruntime_providers_cuda.so");
    private static readonly string _device = Path.Combine(Repository.Root, "tests", "StableDiffusion.ProgramTests", "Cuda", "device.c");
    private readonly TemporaryFolder _folder = new();

    public CudaLibraries()
    {
        if (!CanBeMade)
        {
            return;
        }

        var symbols = Run("/usr/bin/objdump", "-T", _provider).Split('\n').Where(line => line.Contains("*UND*", StringComparison.Ordinal)).ToList();
        foreach (var library in Needed().Matches(Run("/usr/bin/objdump", "-p", _provider)).Select(match => match.Groups[1].Value))
        {
            // CUDA's driver alone has no versions.
            var versioned = library != "libcuda.so.1";
            Make(library, versioned, symbols
                .Where(line => line.Contains($"({library})", StringComparison.Ordinal) || (!versioned && !line.Contains('(', StringComparison.Ordinal)))
                .Select(line => line.Split(' ')[^1])
                .Where(name => versioned || name.StartsWith("cu", StringComparison.Ordinal)));
        }

        // The provider opens this one when it is first needed, and its functions by name.
        Make("libcudnn.so.9", versioned: false, DnnNames().Matches(Run("/usr/bin/strings", _provider)).Select(match => match.Value));
    }

    private static bool CanBeMade =>
        OperatingSystem.IsLinux() && File.Exists(_provider) && new[] { "cc", "objdump", "strings" }.All(program => File.Exists($"/usr/bin/{program}"));

    /// <summary>The environment of a program that is to find them.</summary>
    /// <param name="more">More of it: see <c>device.c</c>.</param>
    public Dictionary<string, string> Environment(params IEnumerable<(string Name, string Value)> more)
    {
        Assert.SkipUnless(CanBeMade, "It takes x64 Linux, ONNX Runtime with CUDA, a C compiler (/usr/bin/cc), /usr/bin/objdump and /usr/bin/strings.");
        return new([new("LD_LIBRARY_PATH", _folder.Path), .. more.Select(one => KeyValuePair.Create(one.Name, one.Value))]);
    }

    public void Dispose() => _folder.Dispose();

    private void Make(string library, bool versioned, IEnumerable<string> functions)
    {
        var written = DefinedNames().Matches(File.ReadAllText(_device)).Select(match => match.Groups[1].Value).ToHashSet();
        var (source, versions) = (_folder.PathOf($"{library}.c"), _folder.PathOf($"{library}.map"));
        File.WriteAllLines(source, [$"#include \"{_device}\"", .. functions.Distinct().Where(name => !written.Contains(name)).Select(Function)]);
        File.WriteAllText(versions, $"{library} {{ global: *; }};\n");
        Run("/usr/bin/cc", ["-shared", "-fPIC", "-w", $"-Wl,-soname,{library}", .. versioned ? [$"-Wl,--version-script,{versions}"] : Array.Empty<string>(), source, "-o", _folder.PathOf(library)]);
    }

    private static string Function(string name) =>
        Text().IsMatch(name) ? $"const char* {name}(void) {{ return \"no device\"; }}" : $"int {name}(void) {{ return result(); }}";

    private static string Run(string program, params IEnumerable<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }

    [GeneratedRegex(@"NEEDED +(libcu\S+)", RegexOptions.CultureInvariant)]
    private static partial Regex Needed();

    [GeneratedRegex("(Error|Status)(String|Name)", RegexOptions.CultureInvariant)]
    private static partial Regex Text();

    [GeneratedRegex(@"^cudnn[A-Z]\w+$", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex DnnNames();

    [GeneratedRegex(@"^\w+ \**(\w*cu(?:da|blas|dnn)\w+)\(", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex DefinedNames();
}
