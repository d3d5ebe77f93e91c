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
        using var session = new InferenceSession(CudaProvider.OnePixel());
        using var input = OrtValue.CreateTensorValueFromMemory([1.5f], [1, 1, 1, 1]);
        using var weight = OrtValue.CreateTensorValueFromMemory([-2f], [1, 1, 1, 1]);
        using var options = new RunOptions();
        using var outputs = session.Run(options, ["x", "w"], [input, weight], ["y"]);
        Assert.Equal([-3f], outputs[0].GetTensorDataAsSpan<float>().ToArray());
    }

    [Fact]
    public void Cuda_fails_with_the_reason_where_there_is_no_GPU()
    {
        Assert.SkipWhen(File.Exists("/dev/nvidia0") || OperatingSystem.IsWindows(), "This machine may have a GPU.");

        var error = Assert.Throws<DeviceException>(() => new OnnxRuntimeHost(ExecutionDevice.Cuda(), threads: 0));

        Assert.StartsWith("Device cuda cannot be used: ", error.Message, StringComparison.Ordinal);
        Assert.Contains("CUDA 13, cuDNN 9", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("onnxruntime_src", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("ErrorCode", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        Assert.InRange(error.Message.Length, 0, 200);
        Assert.Equal("cpu", new OnnxRuntimeHost(ExecutionDevice.Auto, threads: 0).DeviceName);
    }

    [Fact]
    public void Options_for_CUDA_are_laid_over_ours()
    {
        Assert.Equal(
            new Dictionary<string, string> { ["device_id"] = "2", ["use_tf32"] = "0", ["cudnn_conv_algo_search"] = "HEURISTIC" },
            CudaProvider.Settings(2, new Dictionary<string, string>(), captures: true));
        Assert.Equal(
            new Dictionary<string, string> { ["device_id"] = "0", ["use_tf32"] = "1", ["cudnn_conv_algo_search"] = "HEURISTIC", ["prefer_nhwc"] = "1" },
            CudaProvider.Settings(0, new Dictionary<string, string> { ["use_tf32"] = "1", ["prefer_nhwc"] = "1" }, captures: true));
    }

    [Fact]
    public void A_CUDA_graph_is_for_the_network_that_runs_again_and_again()
    {
        var given = new Dictionary<string, string> { ["enable_cuda_graph"] = "1" };

        Assert.Equal("1", CudaProvider.Settings(0, given, captures: true)["enable_cuda_graph"]);
        Assert.DoesNotContain("enable_cuda_graph", CudaProvider.Settings(0, given, captures: false).Keys);
    }

    [Theory]
    [InlineData("device_id")]
    [InlineData("user_compute_stream")]
    [InlineData("USE_TF32")]
    public void Options_that_cannot_be_set_are_refused_with_those_that_can(string name)
    {
        var error = Assert.Throws<RequestException>(() => Host(ExecutionDevice.Auto, name));

        Assert.StartsWith($"CudaOptions: {name} cannot be set; there are arena_extend_strategy, ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_for_CUDA_are_refused_on_the_CPU_and_without_effect_where_there_is_no_CUDA()
    {
        Assert.Equal(
            "CudaOptions is for CUDA, and the networks run elsewhere; leave it out, or give Device cuda.",
            Assert.Throws<RequestException>(() => Host(ExecutionDevice.Cpu, "use_tf32")).Message);

        Assert.SkipWhen(File.Exists("/dev/nvidia0") || OperatingSystem.IsWindows(), "This machine may have a GPU.");
        var warnings = new List<string>();
        var options = new PipelineOptions { CudaOptions = new Dictionary<string, string> { ["use_tf32"] = "1" }, Warning = warnings.Add };
        using var pipeline = TextToImagePipeline.Load(Goldens.PathOf("models", "sd1"), options);
        Assert.Equal(["CudaOptions has no effect: CUDA does not work here, and the networks run on the CPU."], warnings);
    }

    // The first two and the last were printed by ONNX Runtime 1.31, by its GPU package without CUDA, by its CPU package, and by the former with libraries that do
    // nothing in the place of CUDA's (see CudaOptionTests); the others follow the
    // patterns of its cuda_call.cc and provider_bridge_ort.cc.
    [Theory]
    [InlineData(
        "[ErrorCode:Fail] /onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:2043 onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() "
        + "[ONNXRuntimeError] : 1 : FAIL : Failed to load library /app/libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: "
        + "cannot open shared object file: No such file or directory\n",
        "the library libcublasLt.so.13 is missing")]
    [InlineData("[ErrorCode:Fail] CUDA execution provider is not enabled in this build. ", "CUDA execution provider is not enabled in this build")]
    [InlineData(
        "[ErrorCode:Fail] /onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:129 std::conditional_t<THRW, void, onnxruntime::common::Status> "
        + "onnxruntime::CudaCall(ERRTYPE, const char*) [with ERRTYPE = cudaError; bool THRW = true] CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; "
        + "hostname=node ; file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider.cc ; line=280 ; expr=cudaSetDevice(info_.device_id); ",
        "CUDA failure 100: no CUDA-capable device is detected")]
    [InlineData(
        "[ErrorCode:RuntimeException] D:\\a\\_work\\1\\s\\onnxruntime\\core\\session\\provider_bridge_ort.cc:2043 onnxruntime::ProviderLibrary::Get "
        + "[ONNXRuntimeError] : 1 : FAIL : Error loading \"onnxruntime_providers_cuda.dll\" which depends on \"cublasLt64_13.dll\" which is missing. (Error 126)",
        "Error loading \"onnxruntime_providers_cuda.dll\" which depends on \"cublasLt64_13.dll\" which is missing. (Error 126)")]
    [InlineData(
        "[ErrorCode:Fail] /onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider_info.cc:63 static onnxruntime::CUDAExecutionProviderInfo "
        + "onnxruntime::CUDAExecutionProviderInfo::FromProviderOptions(const onnxruntime::ProviderOptions&) [ONNXRuntimeError] : 1 : FAIL : provider_options_utils.h:187 "
        + "Parse Failed to parse provider option \"device_id\": cuda_execution_provider_info.cc:71 operator() Invalid device ID: 1, must be between 0 (inclusive) and 1 (exclusive).",
        "Invalid device ID: 1, must be between 0 (inclusive) and 1 (exclusive)")]
    public void The_reason_names_what_is_missing_and_no_source_file(string message, string reason) =>
        Assert.Equal(reason, CudaProvider.Reason(message));

    private static OnnxRuntimeHost Host(ExecutionDevice device, string option) =>
        new(device, threads: 1, cudaOptions: new Dictionary<string, string> { [option] = "1" });
}
