using System.Runtime.InteropServices;

namespace StableDiffusion.Tests;

/// <summary>A small network of the kind that enlarges pictures: a convolution over 3 × 3 pixels, then channels to pixels.</summary>
internal static class UpscalerModel
{
    /// <summary>Writes one that makes pictures twice as large.</summary>
    /// <param name="path">Where.</param>
    /// <param name="evenSizes">Whether it takes even sizes only, as Real-ESRGAN's x2 does.</param>
    public static void Write(string path, bool evenSizes = false)
    {
        var random = new Random(5);
        var (inputs, outputs) = evenSizes ? (12, 48) : (3, 12);
        float[] weights = [.. Enumerable.Range(0, outputs * inputs * 9).Select(_ => (random.NextSingle() - 0.3f) / inputs)];
        var graph = OnnxGraph.Parse(new ProtobufWriter()
            .Raw(ProtobufField.Of(1, 8L).Encoded.Span).Field(7, ProtobufField.Of(2, "g").Encoded.Span).ToArray()
            .Concat(ProtobufField.Of(8, ProtobufField.Of(2, 17L).Encoded.Span).Encoded.ToArray()).ToArray());
        graph.Inputs.Add(new OnnxValue("image", OnnxElementType.Float, rank: 4));
        graph.Outputs.Add(new OnnxValue("larger", OnnxElementType.Float, rank: 4));
        graph.Initializers.Add(new OnnxInitializer("w", OnnxElementType.Float, [outputs, inputs, 3, 3], MemoryMarshal.AsBytes(weights.AsSpan())));
        if (evenSizes)
        {
            graph.Nodes.Add(new OnnxNode("SpaceToDepth", ["image"], ["small"], OnnxAttribute.Of("blocksize", 2L)));
        }

        graph.Nodes.Add(new OnnxNode("Conv", [evenSizes ? "small" : "image", "w"], ["features"], OnnxAttribute.Of("pads", (IEnumerable<long>)[1, 1, 1, 1])));
        graph.Nodes.Add(new OnnxNode("DepthToSpace", ["features"], ["larger"], OnnxAttribute.Of("blocksize", evenSizes ? 4L : 2L)));
        File.WriteAllBytes(path, graph.ToBytes());
    }
}
