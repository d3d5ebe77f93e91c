using System.Globalization;
using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion;

/// <summary>ONNX Runtime's CUDA provider.</summary>
internal static class CudaProvider
{
    /// <summary>Adds the provider to the settings of a session.</summary>
    /// <exception cref="OnnxRuntimeException">CUDA does not work here; the message says why.</exception>
    public static void Append(SessionOptions options, int deviceIndex)
    {
        var settings = new Dictionary<string, string>
        {
            // TF32 rounds the factors of float32 products to 10 bits: another picture than the CPU paints.
            ["use_tf32"] = "0",
            // The default, EXHAUSTIVE, tries every algorithm first: slower than it saves on a few pictures.
            ["cudnn_conv_algo_search"] = "HEURISTIC",
        };
        using var cuda = new OrtCUDAProviderOptions();
        settings["device_id"] = deviceIndex.ToString(CultureInfo.InvariantCulture);
        cuda.UpdateOptions(settings);
        options.AppendExecutionProvider_CUDA(cuda);
    }

    /// <summary>Opens a session of one node on the device: a provider that loads may still find no GPU, or too old a driver.</summary>
    /// <exception cref="OnnxRuntimeException">CUDA does not work here; the message says why.</exception>
    public static void Try(SessionOptions options, int deviceIndex)
    {
        Append(options, deviceIndex);
        options.AddSessionConfigEntry("session.disable_cpu_ep_fallback", "1");
        using var session = new InferenceSession(OneNode(), options);
    }

    /// <summary>A model that copies its input.</summary>
    internal static byte[] OneNode()
    {
        var opset = ProtobufField.Of(2, 17);
        var node = new ProtobufWriter()
            .Raw(ProtobufField.Of(1, "x").Encoded.Span)
            .Raw(ProtobufField.Of(2, "y").Encoded.Span)
            .Raw(ProtobufField.Of(4, "Identity").Encoded.Span);
        var graph = new ProtobufWriter()
            .Field(1, node.Written)
            .Raw(ProtobufField.Of(2, "copy").Encoded.Span)
            .Field(11, new OnnxValue("x", OnnxElementType.Float).ToBytes())
            .Field(12, new OnnxValue("y", OnnxElementType.Float).ToBytes());
        return new ProtobufWriter()
            .Raw(ProtobufField.Of(1, 8).Encoded.Span)
            .Field(7, graph.Written)
            .Field(8, opset.Encoded.Span)
            .ToArray();
    }
}
