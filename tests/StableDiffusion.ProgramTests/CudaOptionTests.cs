using System.Diagnostics;
using System.Text.RegularExpressions;

namespace StableDiffusion.Tests;

/// <summary>
/// That options reach ONNX Runtime's CUDA provider, without a GPU: it is loaded with libraries in the place of CUDA's that know one device, on which
/// every call fails.
/// </summary>
public sealed partial class CudaOptionTests : IDisposable
{
    private readonly TemporaryFolder _libraries = new();
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Every_option_that_can_be_set_is_one_of_the_provider_s()
    {
        var options = CudaProvider.Names.SelectMany(name => new[] { "--cuda-option", $"{name}={(name switch
        {
            "arena_extend_strategy" => "kSameAsRequested",
            "cudnn_conv_algo_search" => "DEFAULT",
            "gpu_mem_limit" => "1000000000",
            _ => "1",
        })}" });

        // With its options taken, the provider goes on to the device.
        var outcome = Paint("cuda", [.. options]);

        Assert.Equal(["error: --device cuda cannot be used: CUDA failure 100: no device. It needs CUDA 13, cuDNN 9 and an NVIDIA GPU; install them, or run with --device cpu."], outcome.ErrorLines);
        Assert.Equal(1, outcome.ExitCode);
    }

    [Theory]
    [InlineData("cuda")]
    [InlineData("auto")]
    public void A_value_that_the_provider_does_not_take_is_an_error_and_no_reason_to_fall_back(string device)
    {
        var outcome = Paint(device, "--cuda-option", "cudnn_conv_algo_search=SLOWEST");

        Assert.Equal(
            ["error: --cuda-option cudnn_conv_algo_search=SLOWEST has a value that ONNX Runtime does not take; its page on the CUDA execution provider lists them."],
            outcome.ErrorLines);
        Assert.Equal(2, outcome.ExitCode);
    }

    [Fact]
    public void A_device_that_is_not_there_is_refused_in_the_provider_s_words()
    {
        var outcome = Paint("cuda:3");

        Assert.StartsWith("error: --device cuda:3 cannot be used: Invalid device ID: 3, must be between 0 (inclusive) and 1 (exclusive). ", Assert.Single(outcome.ErrorLines), StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _libraries.Dispose();
        _folder.Dispose();
    }

    private SdProgram.Outcome Paint(string device, params string[] options)
    {
        MakeLibraries();
        return SdProgram.Run(
            ["apple", "--model", Refused.GoodModel, "--steps", "1", "--device", device, .. options], _folder.Path, input: "", new Dictionary<string, string> { ["LD_LIBRARY_PATH"] = _libraries.Path });
    }

    /// <summary>Compiles a library for each that the provider needs of CUDA, with the functions that it looks for there.</summary>
    private void MakeLibraries()
    {
        var provider = Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "libonnxruntime_providers_cuda.so");
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && File.Exists(provider) && File.Exists("/usr/bin/cc") && File.Exists("/usr/bin/objdump"),
            "It takes x64 Linux, ONNX Runtime with CUDA, a C compiler (/usr/bin/cc) and /usr/bin/objdump.");
        var symbols = Run("/usr/bin/objdump", "-T", provider).Split('\n').Where(line => line.Contains("*UND*", StringComparison.Ordinal)).ToList();
        foreach (var library in Needed().Matches(Run("/usr/bin/objdump", "-p", provider)).Select(match => match.Groups[1].Value))
        {
            // CUDA's driver alone has no versions.
            var functions = symbols
                .Where(line => line.Contains($"({library})", StringComparison.Ordinal) || (library == "libcuda.so.1" && !line.Contains('(', StringComparison.Ordinal)))
                .Select(line => line.Split(' ')[^1])
                .Where(name => library != "libcuda.so.1" || name.StartsWith("cu", StringComparison.Ordinal));
            var (source, versions) = (_libraries.PathOf($"{library}.c"), _libraries.PathOf($"{library}.map"));
            File.WriteAllLines(source, functions.Select(Function));
            File.WriteAllText(versions, $"{library} {{ global: *; }};\n");
            Run("/usr/bin/cc", ["-shared", "-fPIC", "-w", $"-Wl,-soname,{library}", .. library == "libcuda.so.1" ? Array.Empty<string>() : [$"-Wl,--version-script,{versions}"], source, "-o", _libraries.PathOf(library)]);
        }
    }

    private static string Function(string name) => name switch
    {
        "cudaGetDeviceCount" => "int cudaGetDeviceCount(int* count) { *count = 1; return 0; }",
        _ when Text().IsMatch(name) => $"const char* {name}(void) {{ return \"no device\"; }}",
        _ => $"int {name}(void) {{ return 100; }}",
    };

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
}
