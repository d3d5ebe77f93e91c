using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion;

/// <summary>ONNX Runtime's CUDA provider.</summary>
internal static partial class CudaProvider
{
    /// <summary>Adds the provider to the settings of a session.</summary>
    /// <exception cref="OnnxRuntimeException">CUDA does not work here; the message says why.</exception>
    public static void Append(SessionOptions options, int deviceIndex)
    {
        using var cuda = new OrtCUDAProviderOptions();
        cuda.UpdateOptions(new Dictionary<string, string>
        {
            ["device_id"] = deviceIndex.ToString(CultureInfo.InvariantCulture),
            // TF32 rounds the factors of float32 products to 10 bits: another picture than the CPU paints.
            ["use_tf32"] = "0",
            // The default, EXHAUSTIVE, tries every algorithm first: slower than it saves on a few pictures.
            ["cudnn_conv_algo_search"] = "HEURISTIC",
        });
        options.AppendExecutionProvider_CUDA(cuda);
    }

    /// <summary>Runs a convolution of one pixel on the device: a provider that loads may still find no GPU, too old a driver, or no cuDNN.</summary>
    /// <exception cref="OnnxRuntimeException">CUDA does not work here; the message says why.</exception>
    public static void Try(SessionOptions options, int deviceIndex)
    {
        Append(options, deviceIndex);
        options.AddSessionConfigEntry("session.disable_cpu_ep_fallback", "1");
        using var session = new InferenceSession(OnePixel(), options);
        using var pixel = OrtValue.CreateTensorValueFromMemory([1f], [1, 1, 1, 1]);
        using var run = new RunOptions();
        using var outputs = session.Run(run, ["x", "w"], [pixel, pixel], ["y"]);
    }

    /// <summary>What keeps CUDA from working, in one line, out of what ONNX Runtime says: without its error codes, source files and C++ signatures.</summary>
    internal static string Reason(string message)
    {
        var line = OneLine.Of(message);
        line = Failure().Match(line) is { Success: true } failure ? failure.Value : Source().Replace(line, "");
        line = line.Trim().TrimEnd('.').TrimEnd();
        return MissingLibrary().Replace(line, "the library ${name} is missing");
    }

    /// <summary>A model of one convolution, y = x * w, all [1, 1, 1, 1].</summary>
    internal static byte[] OnePixel()
    {
        var opset = ProtobufField.Of(2, 17);
        var node = new ProtobufWriter()
            .Raw(ProtobufField.Of(1, "x").Encoded.Span)
            .Raw(ProtobufField.Of(1, "w").Encoded.Span)
            .Raw(ProtobufField.Of(2, "y").Encoded.Span)
            .Raw(ProtobufField.Of(4, "Conv").Encoded.Span);
        var graph = new ProtobufWriter()
            .Field(1, node.Written)
            .Raw(ProtobufField.Of(2, "pixel").Encoded.Span)
            .Field(11, new OnnxValue("x", OnnxElementType.Float).ToBytes())
            .Field(11, new OnnxValue("w", OnnxElementType.Float).ToBytes())
            .Field(12, new OnnxValue("y", OnnxElementType.Float).ToBytes());
        return new ProtobufWriter()
            .Raw(ProtobufField.Of(1, 8).Encoded.Span)
            .Field(7, graph.Written)
            .Field(8, opset.Encoded.Span)
            .ToArray();
    }

    /// <summary>What CUDA itself says, before ONNX Runtime's notes on where: "CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; …".</summary>
    [GeneratedRegex(@"\b(CUDA|CUDNN|CUBLAS|CURAND|CUFFT) failure [^;]+", RegexOptions.CultureInvariant)]
    private static partial Regex Failure();

    /// <summary>All up to the last of "[ErrorCode:Fail]", "[ONNXRuntimeError] : 1 : FAIL :" and "with error:"; in between stand source files and C++ signatures.</summary>
    [GeneratedRegex(@"^.*(\[ErrorCode:\w+\]|\[ONNXRuntimeError\] : \d+ : \w+ :|with error:)", RegexOptions.CultureInvariant)]
    private static partial Regex Source();

    [GeneratedRegex(@"^(?<name>\S+): cannot open shared object file: No such file or directory$", RegexOptions.CultureInvariant)]
    private static partial Regex MissingLibrary();
}
