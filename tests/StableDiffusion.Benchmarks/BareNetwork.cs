using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace StableDiffusion.Benchmarks;

/// <summary>A network in ONNX Runtime and nothing else, fed the same noise again and again.</summary>
internal sealed class BareNetwork : IDisposable
{
    private readonly InferenceSession _session;
    private readonly string[] _names;
    private readonly OrtValue[] _inputs;
    private readonly string[] _outputNames;
    private readonly OrtValue[] _outputs;

    /// <param name="path">The file.</param>
    /// <param name="threads">Threads inside an operator; 0 as ONNX Runtime has it.</param>
    /// <param name="output">The shape of its first output; a dimension of 0 is as the network says.</param>
    /// <param name="inputs">The shapes of its inputs. One that is not named has one element.</param>
    private BareNetwork(string path, int threads, long[] output, params (string Name, long[] Shape)[] inputs)
    {
        using var options = new SessionOptions { IntraOpNumThreads = threads };
        _session = new InferenceSession(path, options);
        _names = [.. _session.InputMetadata.Keys];
        _inputs = [.. _session.InputMetadata.Select(input => Value(input.Value.ElementDataType, inputs.FirstOrDefault(one => one.Name == input.Key).Shape ?? One(input.Value)))];
        var (name, metadata) = _session.OutputMetadata.First();
        (_outputNames, _outputs) = ([name], [Value(metadata.ElementDataType, [.. output.Select((size, axis) => size > 0 ? size : metadata.Dimensions[axis])])]);
    }

    /// <summary>The text encoder of a model, for two texts.</summary>
    public static BareNetwork TextEncoder(ModelFolder folder, int threads) =>
        new(PathOf(folder, "text_encoder"), threads, [2, TextLength(folder), 0], ("input_ids", [2, TextLength(folder)]));

    /// <summary>The UNet, for two rows: with the text and without it.</summary>
    public static BareNetwork UNet(ModelFolder folder, int threads, int height, int width)
    {
        long[] latents = [2, folder.LatentChannels, height, width];
        return new BareNetwork(PathOf(folder, "unet"), threads, latents, ("sample", latents), ("encoder_hidden_states", [2, TextLength(folder), TextWidth(folder)]));
    }

    /// <summary>The decoder, for one picture.</summary>
    public static BareNetwork Decoder(ModelFolder folder, int threads, int height, int width) => new(
        PathOf(folder, "vae_decoder"), threads, [1, 3, height * folder.PixelsPerLatent, width * folder.PixelsPerLatent], ("latent_sample", [1, folder.LatentChannels, height, width]));

    public TimeSpan Run(int calls)
    {
        using var options = new RunOptions();
        var start = Stopwatch.GetTimestamp();
        for (var call = 0; call < calls; call++)
        {
            _session.Run(options, _names, _inputs, _outputNames, _outputs);
        }

        return Stopwatch.GetElapsedTime(start);
    }

    public void Dispose()
    {
        foreach (var value in _inputs.Concat(_outputs))
        {
            value.Dispose();
        }

        _session.Dispose();
    }

    private static string PathOf(ModelFolder folder, string part) => System.IO.Path.Combine(folder.Path, part, "model.onnx");

    private static int TextLength(ModelFolder folder) => OfTextEncoder(folder, "max_position_embeddings");

    private static int TextWidth(ModelFolder folder) => OfTextEncoder(folder, "hidden_size");

    private static int OfTextEncoder(ModelFolder folder, string name)
    {
        using var config = System.Text.Json.JsonDocument.Parse(File.ReadAllText(System.IO.Path.Combine(folder.Path, "text_encoder", "config.json")));
        return config.RootElement.GetProperty(name).GetInt32();
    }

    private static long[] One(NodeMetadata metadata) => [.. metadata.Dimensions.Select(_ => 1L)];

    private static OrtValue Value(TensorElementType type, long[] shape)
    {
        var length = shape.Aggregate(1L, (length, size) => length * size);
        switch (type)
        {
            case TensorElementType.Int64:
                return OrtValue.CreateTensorValueFromMemory(new long[length], shape);
            case TensorElementType.Int32:
                return OrtValue.CreateTensorValueFromMemory(new int[length], shape);
            case TensorElementType.Float16:
                return OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(Noise(length), value => (Float16)value), shape);
            default:
                return OrtValue.CreateTensorValueFromMemory(Noise(length), shape);
        }
    }

    private static float[] Noise(long length)
    {
        var noise = new float[length];
        new TorchRandom(0).Draw(noise);
        return noise;
    }
}
