namespace StableDiffusion.Tests;

/// <summary>That options reach ONNX Runtime's CUDA provider, without a GPU: see <see cref="CudaLibraries"/>.</summary>
public sealed class CudaOptionTests(CudaLibraries libraries) : IClassFixture<CudaLibraries>, IDisposable
{
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
        var outcome = Paint("cuda", [("CUDA_FAILS", "1")], [.. options]);

        Assert.Equal(["error: --device cuda cannot be used: CUDA failure 100: no device. It needs CUDA 13, cuDNN 9 and an NVIDIA GPU; install them, or run with --device cpu."], outcome.ErrorLines);
        Assert.Equal(1, outcome.ExitCode);
    }

    [Theory]
    [InlineData("cuda", "cudnn_conv_algo_search=SLOWEST")]
    [InlineData("auto", "cudnn_conv_algo_search=SLOWEST")]
    [InlineData("cuda", "enable_cuda_graph=yes")]
    public void A_value_that_the_provider_does_not_take_is_an_error_and_no_reason_to_fall_back(string device, string option)
    {
        var outcome = Paint(device, [], "--cuda-option", option);

        Assert.Equal([$"error: --cuda-option {option} has a value that ONNX Runtime does not take; its page on the CUDA execution provider lists them."], outcome.ErrorLines);
        Assert.Equal(2, outcome.ExitCode);
    }

    [Fact]
    public void A_device_that_is_not_there_is_refused_in_the_provider_s_words()
    {
        var outcome = Paint("cuda:3", []);

        Assert.StartsWith("error: --device cuda:3 cannot be used: Invalid device ID: 3, must be between 0 (inclusive) and 1 (exclusive). ", Assert.Single(outcome.ErrorLines), StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private SdProgram.Outcome Paint(string device, (string, string)[] environment, params string[] options) =>
        SdProgram.Run(["apple", "--model", Refused.GoodModel, "--steps", "1", "--device", device, .. options], _folder.Path, input: "", libraries.Environment(environment));
}
