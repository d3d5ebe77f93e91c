using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion.Tests;

/// <summary>Plugin execution providers, with the one of <c>provider.c</c>, which a C compiler makes here from ONNX Runtime's own headers.</summary>
public sealed class ProviderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void A_provider_paints_the_picture_of_the_CPU_and_says_its_name()
    {
        var library = Compile("p.so");
        var request = new ImageRequest { Prompt = "apple", Steps = 2, Seeds = [1] };
        using var cpu = TextToImagePipeline.Load(Goldens.PathOf("models", "sd1"), new PipelineOptions { Device = ExecutionDevice.Cpu });
        using var pipeline = TextToImagePipeline.Load(Goldens.PathOf("models", "sd1"), new PipelineOptions { Provider = new("sigmoid", library) });
        // Another gain is another network: the provider computes, and its option reaches it.
        var louder = new ExecutionProvider("SigmoidExecutionProvider", library, 1) { Options = new Dictionary<string, string> { ["gain"] = "1.5" } };
        using var loud = TextToImagePipeline.Load(Goldens.PathOf("models", "sd1"), new PipelineOptions { Provider = louder });

        var expected = cpu.Generate(request).Single();
        Assert.Equal(("SigmoidExecutionProvider", "SigmoidExecutionProvider:1"), (pipeline.Device, loud.Device));
        Assert.InRange(Differences.Largest(expected.Image, pipeline.Generate(request).Single().Image), 0, 1);
        Assert.InRange(Differences.Largest(expected.Image, loud.Generate(request).Single().Image), 2, 255);
    }

    [Fact]
    public void What_a_provider_cannot_do_is_one_line()
    {
        var library = Compile("q.so");
        var nothing = Compile("none.so", "-DNO_DEVICE");
        var stranger = _folder.PathOf("stranger.so");
        var bytes = File.ReadAllBytes(library);
        bytes[18] = bytes[18] == 183 ? (byte)62 : (byte)183; // e_machine of ELF: x86-64 and AArch64
        File.WriteAllBytes(stranger, bytes);
        File.WriteAllText(_folder.PathOf("text.so"), "no library");

        Assert.Contains("is not in", Refused(new("webgpu", library)), StringComparison.Ordinal);
        Assert.Contains("which offers SigmoidExecutionProvider.", Refused(new("webgpu", library)), StringComparison.Ordinal);
        Assert.Contains("it offers 2 devices here", Refused(new("sigmoid", library, 2)), StringComparison.Ordinal);
        var silent = new ExecutionProvider("sigmoid", library) { Options = new Dictionary<string, string> { ["gain"] = "none" } };
        Assert.Contains("cannot be used: the option gain must be a number other than 0.", Refused(silent), StringComparison.Ordinal);
        Assert.Contains("offers no device on this machine, which has CPU of ", Refused(new("nothing", nothing)), StringComparison.Ordinal);
        Assert.Contains("it is made for ", Refused(new("sigmoid", stranger)), StringComparison.Ordinal);
        Assert.Contains("file too short", Refused(new("sigmoid", _folder.PathOf("text.so"))), StringComparison.Ordinal);
        Assert.Contains("there is no file", Assert.Throws<RequestException>(() => Host(new("sigmoid", _folder.PathOf("missing.so")))).Message, StringComparison.Ordinal);
        Assert.Contains(
            "exclude each other", Assert.Throws<RequestException>(() => Host(new("sigmoid", library), ExecutionDevice.Cuda())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_network_that_a_provider_does_not_take_is_its_fault_and_not_the_file_s()
    {
        var provider = new ExecutionProvider("sigmoid", Compile("r.so")) { Options = new Dictionary<string, string> { ["take"] = "Softmax" } };
        using var pipeline = TextToImagePipeline.Load(Goldens.PathOf("models", "sd1"), new PipelineOptions { Provider = provider });

        var error = Assert.Throws<DeviceException>(() => pipeline.Generate(new ImageRequest { Prompt = "apple", Steps = 1 }).ToList());

        Assert.StartsWith("SigmoidExecutionProvider does not take ", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("model.onnx: a sigmoid is all that it computes. Leave Provider out to run it on the CPU.", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("OpenVINO", "OpenVINO", 0)]
    [InlineData("OpenVINO:2", "OpenVINO", 2)]
    public void A_device_follows_the_name(string text, string name, int index) => Assert.Equal((name, index), ExecutionProvider.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData(":1")]
    [InlineData("OpenVINO:")]
    [InlineData("OpenVINO:gpu")]
    public void Other_texts_are_no_provider(string text) => Assert.Null(ExecutionProvider.Parse(text));

    public void Dispose() => _folder.Dispose();

    private static string Refused(ExecutionProvider provider)
    {
        var message = Assert.Throws<DeviceException>(() => Host(provider)).Message;
        Assert.DoesNotContain('\n', message);
        Assert.DoesNotContain("onnxruntime_src", message, StringComparison.Ordinal);
        Assert.DoesNotContain("ErrorCode", message, StringComparison.Ordinal);
        return message;
    }

    private static OnnxRuntimeHost Host(ExecutionProvider provider, ExecutionDevice? device = null) => new(device ?? ExecutionDevice.Auto, threads: 1, configure: null, provider);

    /// <summary>The provider, compiled; the libraries stay loaded, so each test has files of its own.</summary>
    private string Compile(string name, params string[] more)
    {
        var headers = Headers();
        Assert.SkipWhen(!OperatingSystem.IsLinux() || headers is null || !File.Exists("/usr/bin/cc"), "It takes Linux, a C compiler (/usr/bin/cc) and ONNX Runtime's headers.");
        var library = _folder.PathOf(name);
        var source = Path.Combine(Repository.Root, "tests", "StableDiffusion.Tests", "Runtime", "Provider", "provider.c");
        using var compiler = Process.Start("/usr/bin/cc", ["-shared", "-fPIC", "-O2", "-I", headers!, .. more, source, "-o", library, "-lm"]);
        compiler.WaitForExit();
        Assert.Equal(0, compiler.ExitCode);
        return library;
    }

    /// <summary>The headers of the package that the library under test came from.</summary>
    private static string? Headers()
    {
        var packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        return Directory.Exists(packages)
            ? Directory.EnumerateDirectories(packages, "microsoft.ml.onnxruntime*")
                .SelectMany(package => Directory.EnumerateDirectories(package))
                .SelectMany(version => new[] { "buildTransitive", "build" }.Select(build => Path.Combine(version, build, "native", "include")))
                .Where(folder => File.Exists(Path.Combine(folder, "onnxruntime_ep_c_api.h")) && folder.Contains(OrtEnv.Instance().GetVersionString(), StringComparison.Ordinal))
                .FirstOrDefault()
            : null;
    }
}
