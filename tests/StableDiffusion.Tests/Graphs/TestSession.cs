using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace StableDiffusion.Tests;

/// <summary>Opens and runs small graphs on one thread.</summary>
internal static class TestSession
{
    public static SessionOptions Options() => new()
    {
        IntraOpNumThreads = 1,
        InterOpNumThreads = 1,
        LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
    };

    public static InferenceSession Open(string path)
    {
        using var options = Options();
        return new InferenceSession(path, options);
    }

    public static InferenceSession Open(OnnxGraph graph)
    {
        using var options = Options();
        return graph.Open(options);
    }

    /// <summary>Every output by name, as float32, for inputs that a seed makes and the session's own metadata shapes.</summary>
    public static Dictionary<string, float[]> Run(InferenceSession session, int seed) =>
        Run(session, RandomInputs(session, seed));

    public static Dictionary<string, float[]> Run(InferenceSession session, Dictionary<string, OrtValue> inputs)
    {
        using var options = new RunOptions();
        using var results = session.Run(options, inputs, session.OutputNames);
        return session.OutputNames.Zip(results, (n, v) => (n, ToFloats(v))).ToDictionary();
    }

    /// <summary>One chunk of token ids, whatever whole-number type the encoder takes.</summary>
    public static float[] Encode(InferenceSession session, int[] ids, string output = "last_hidden_state")
    {
        var (name, metadata) = session.InputMetadata.Single();
        long[] shape = [1, ids.Length];
        using var value = metadata.ElementDataType == TensorElementType.Int32
            ? OrtValue.CreateTensorValueFromMemory(ids, shape)
            : OrtValue.CreateTensorValueFromMemory(ids.Select(i => (long)i).ToArray(), shape);
        return Run(session, new Dictionary<string, OrtValue> { [name] = value })[output];
    }

    public static double Difference(IEnumerable<float> a, IEnumerable<float> b) => a.Zip(b, (x, y) => Math.Abs((double)x - y)).Max();

    public static Dictionary<string, OrtValue> RandomInputs(InferenceSession session, int seed)
    {
        var random = new Random(seed);
        return session.InputMetadata.ToDictionary(i => i.Key, i =>
        {
            var shape = i.Value.Dimensions.Select((d, axis) => (long)(d > 0 ? d : OpenSize(i.Value.Dimensions, axis))).ToArray();
            var count = (int)shape.Aggregate(1L, (a, b) => a * b);
            var numbers = Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1).ToArray();
            return i.Value.ElementDataType switch
            {
                TensorElementType.Float => OrtValue.CreateTensorValueFromMemory(numbers, shape),
                TensorElementType.Float16 => OrtValue.CreateTensorValueFromMemory(numbers.Select(n => (Float16)n).ToArray(), shape),
                TensorElementType.Int32 => OrtValue.CreateTensorValueFromMemory(numbers.Select(n => (int)(n * 100 + 100)).ToArray(), shape),
                TensorElementType.Int64 => OrtValue.CreateTensorValueFromMemory(numbers.Select(n => (long)(n * 100 + 100)).ToArray(), shape),
                var other => throw new NotSupportedException($"{i.Key} is {other}"),
            };
        });
    }

    // batches of 2, 77 tokens, 8×8 latents, 32×32 pixels
    private static int OpenSize(int[] shape, int axis) => (shape.Length, axis) switch
    {
        (1, _) => 1,
        (_, 0) => 2,
        (4, _) => shape[1] == 3 ? 32 : 8,
        _ => 77,
    };

    private static float[] ToFloats(OrtValue value) => value.GetTensorTypeAndShape().ElementDataType switch
    {
        TensorElementType.Float => value.GetTensorDataAsSpan<float>().ToArray(),
        TensorElementType.Float16 => [.. value.GetTensorDataAsSpan<Float16>().ToArray().Select(h => (float)h)],
        var other => throw new NotSupportedException($"an output is {other}"),
    };
}
