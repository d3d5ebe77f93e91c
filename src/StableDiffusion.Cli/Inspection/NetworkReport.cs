using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>One network of a model, from its graph alone: no session is opened and no weight read.</summary>
/// <param name="Part">The folder it lies in, such as <c>unet</c>.</param>
/// <param name="Path">The file.</param>
/// <param name="Opset">The version of ONNX's operators.</param>
/// <param name="Inputs">What it takes.</param>
/// <param name="Outputs">What it gives.</param>
/// <param name="Nodes">Its operators.</param>
/// <param name="Parameters">Numbers among its weights.</param>
/// <param name="WeightBytes">Their bytes, as they lie in the files.</param>
/// <param name="Precision">The element type that most of its weights have, such as <c>float32</c>.</param>
/// <param name="ForeignDomains">Operators of others than ONNX, such as <c>com.microsoft</c>.</param>
/// <param name="IsQuantized">Whether weights are kept in 8 bits or fewer.</param>
internal sealed record NetworkReport(
    string Part,
    string Path,
    long Opset,
    IReadOnlyList<OnnxValue> Inputs,
    IReadOnlyList<OnnxValue> Outputs,
    int Nodes,
    long Parameters,
    long WeightBytes,
    string Precision,
    IReadOnlyList<string> ForeignDomains,
    bool IsQuantized)
{
    /// <summary>Smaller constants are shapes and axes.</summary>
    private const long SmallestWeight = 64;

    /// <summary>Reads a network.</summary>
    /// <exception cref="ModelException">It is no ONNX graph.</exception>
    public static NetworkReport Read(string part, string path)
    {
        var graph = OnnxGraph.Load(path);
        var weights = graph.Initializers.Select(weight => (weight.ElementType, Count: Count(weight.Dimensions))).Where(weight => weight.Count >= SmallestWeight).ToList();
        var names = graph.Initializers.Select(weight => weight.Name).ToHashSet();
        var type = weights.Count == 0
            ? OnnxElementType.Float
            : weights.GroupBy(weight => weight.ElementType).MaxBy(group => group.Sum(weight => weight.Count))!.Key;
        return new NetworkReport(
            part,
            path,
            graph.OpsetVersion(),
            [.. graph.Inputs.Where(input => !names.Contains(input.Name))],
            graph.Outputs,
            graph.Nodes.Count,
            weights.Sum(weight => weight.Count),
            weights.Sum(weight => weight.Count * BytesOf(weight.ElementType)),
            NameOf(type),
            [.. graph.Nodes.Select(node => node.Domain).Where(domain => domain is not ("" or "ai.onnx")).Distinct().Order(StringComparer.Ordinal)],
            type is OnnxElementType.Int8 or OnnxElementType.UInt8);
    }

    public JsonObject ToJson() => new()
    {
        ["part"] = Part,
        ["file"] = Path,
        ["opset"] = Opset,
        ["inputs"] = new JsonArray([.. Inputs.Select(ToJson)]),
        ["outputs"] = new JsonArray([.. Outputs.Select(ToJson)]),
        ["operators"] = Nodes,
        ["parameters"] = Parameters,
        ["bytes"] = WeightBytes,
        ["precision"] = Precision,
        ["domains"] = new JsonArray([.. ForeignDomains.Select(domain => (JsonNode)domain)]),
    };

    /// <summary><c>sample float32 [?, 4, ?, ?]</c></summary>
    public static string Describe(OnnxValue value) => $"{value.Name} {NameOf(value.ElementType)} {ShapeOf(value)}";

    private static string ShapeOf(OnnxValue value) =>
        value.Shape is { } shape ? $"[{string.Join(", ", shape.Select(size => size?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "?"))}]" : "of any shape";

    private static JsonNode ToJson(OnnxValue value) => new JsonObject
    {
        ["name"] = value.Name,
        ["type"] = NameOf(value.ElementType),
        ["shape"] = value.Shape is { } shape ? new JsonArray([.. shape.Select(size => (JsonNode?)size)]) : null,
    };

    private static long Count(IReadOnlyList<long> dimensions) => dimensions.Aggregate(1L, (product, size) => unchecked(product * Math.Max(size, 0)));

    private static long BytesOf(OnnxElementType type) => type switch
    {
        OnnxElementType.Int64 or OnnxElementType.UInt64 or OnnxElementType.Double => 8,
        OnnxElementType.Float16 or OnnxElementType.BFloat16 or OnnxElementType.Int16 or OnnxElementType.UInt16 => 2,
        OnnxElementType.Int8 or OnnxElementType.UInt8 or OnnxElementType.Bool => 1,
        _ => 4,
    };

    /// <summary>Element types as numpy and PyTorch call them.</summary>
    private static string NameOf(OnnxElementType type) => type switch
    {
        OnnxElementType.Float => "float32",
        OnnxElementType.Double => "float64",
        OnnxElementType.Undefined => "of any type",
        _ => type.ToString().ToLowerInvariant(),
    };
}
