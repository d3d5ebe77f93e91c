using System.CommandLine;
using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

/// <summary>What the options that say how networks are opened make of the library's <see cref="PipelineOptions"/>.</summary>
public sealed class ProgramOptionsTests
{
    [Theory]
    [InlineData("", null, null, null, WeightPrecision.Exported, 0, false)]
    [InlineData("--attention plain", false, null, null, WeightPrecision.Exported, 0, false)]
    [InlineData("--attention fused", true, null, null, WeightPrecision.Exported, 0, false)]
    [InlineData("--low-memory", null, true, null, WeightPrecision.Exported, 0, false)]
    [InlineData("--graph-cache", null, null, null, WeightPrecision.Exported, 0, true)]
    [InlineData("--variant fp16 --threads 3", null, null, "fp16", WeightPrecision.Exported, 3, false)]
    [InlineData("--precision w8", null, null, null, WeightPrecision.EightBit, 0, false)]
    public void Each_reaches_the_library(string arguments, bool? fused, bool? oneAtATime, string? variant, WeightPrecision precision, int threads, bool isCached)
    {
        var options = Parse(arguments);

        Assert.Equal(
            (fused, oneAtATime, variant, precision, threads, isCached ? CacheFolder.Graphs : null),
            (options.FuseAttention, options.OneNetworkAtATime, options.Variant, options.Precision, options.Threads, options.GraphCache));
    }

    [Fact]
    public void Settings_of_CUDA_and_of_a_provider_reach_the_library_as_they_are()
    {
        var options = Parse("--device cuda:1 --cuda-option use_tf32=1 --cuda-option a=b=c --provider OpenVINO:2 --provider-library lib.so --provider-option device_type=CPU");

        Assert.Equal("cuda:1", options.Device.ToString());
        Assert.Equal([new("use_tf32", "1"), new("a", "b=c")], options.CudaOptions);
        Assert.Equal(("OpenVINO", "lib.so", 2), (options.Provider!.Name, options.Provider.LibraryPath, options.Provider.DeviceIndex));
        Assert.Equal([new("device_type", "CPU")], options.Provider.Options);
    }

    private static PipelineOptions Parse(string arguments)
    {
        var program = new ProgramOptions();
        var command = new RootCommand();
        program.All.ToList().ForEach(command.Add);
        var parsed = command.Parse(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Empty(parsed.Errors);
        return program.Options(parsed, new ConsoleLog(quiet: true, verbose: false));
    }
}
