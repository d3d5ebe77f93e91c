using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion;

/// <summary>
/// How fast ONNX Runtime multiplies matrices here: what a step of any network can be measured against, whatever the processor. One product
/// of two float32 matrices of 1024 × 1024, 2.1 billion operations.
/// </summary>
internal static class MatrixProduct
{
    private const int Size = 1024;
    private const int Runs = 7;

    /// <summary>Operations of one product: a multiplication and an addition for each of Size³ terms.</summary>
    public const double Operations = 2.0 * Size * Size * Size;

    /// <summary>The median time of a product, after one that is not counted.</summary>
    public static TimeSpan Measure(OnnxRuntimeHost host)
    {
        using var options = host.CreateSessionOptions();
        using var session = new InferenceSession(Model(), options);
        var values = new float[Size * Size];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (i % 7) - 3;
        }

        using var a = OrtValue.CreateTensorValueFromMemory(values, [Size, Size]);
        using var run = new RunOptions();
        var times = new List<TimeSpan>();
        for (var i = 0; i <= Runs; i++)
        {
            var start = Stopwatch.GetTimestamp();
            using var product = session.Run(run, ["a", "b"], [a, a], ["c"]);
            times.Add(Stopwatch.GetElapsedTime(start));
        }

        return times.Skip(1).Order().ElementAt(Runs / 2);
    }

    private static byte[] Model() => SmallModel.Of(
        [new OnnxNode("MatMul", ["a", "b"], ["c"])], [new("a", OnnxElementType.Float), new("b", OnnxElementType.Float)], [new("c", OnnxElementType.Float)]);
}
