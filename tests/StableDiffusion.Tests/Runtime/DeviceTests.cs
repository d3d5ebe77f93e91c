using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion.Tests;

public class DeviceTests
{
    [Theory]
    [InlineData("auto", "auto")]
    [InlineData("CPU", "cpu")]
    [InlineData("cuda", "cuda")]
    [InlineData("cuda:0", "cuda")]
    [InlineData("cuda:3", "cuda:3")]
    public void Devices_are_named_as_on_the_command_line(string text, string name)
    {
        Assert.True(ExecutionDevice.TryParse(text, out var device));
        Assert.Equal(name, device.Name);
    }

    [Theory]
    [InlineData("")]
    [InlineData("gpu")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("cuda:1.5")]
    [InlineData("cuda:99999999999")]
    public void Other_names_are_no_devices(string text) => Assert.False(ExecutionDevice.TryParse(text, out _));

    [Fact]
    public void The_model_that_CUDA_is_tried_with_runs()
    {
        using var session = new InferenceSession(CudaProvider.OneNode());
        using var input = OrtValue.CreateTensorValueFromMemory([1.5f, -2f], [2]);
        using var options = new RunOptions();
        using var outputs = session.Run(options, ["x"], [input], ["y"]);
        Assert.Equal([1.5f, -2f], outputs[0].GetTensorDataAsSpan<float>().ToArray());
    }

    [Fact]
    public void Cuda_fails_with_the_reason_where_it_does_not_work()
    {
        if (OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider"))
        {
            Assert.Skip("This ONNX Runtime has CUDA built in.");
        }

        var error = Assert.Throws<DeviceException>(() => new OnnxRuntimeHost(ExecutionDevice.Cuda(), threads: 0));
        Assert.Contains("--device cuda cannot be used", error.Message, StringComparison.Ordinal);
        Assert.Equal("cpu", new OnnxRuntimeHost(ExecutionDevice.Auto, threads: 0).DeviceName);
    }
}
