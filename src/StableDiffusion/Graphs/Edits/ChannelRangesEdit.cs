using System.Runtime.InteropServices;

namespace StableDiffusion;

/// <summary>Looks at what goes in and out of a network's convolutions while it runs: one more output has the least and the largest value of each channel.</summary>
/// <param name="part">The network.</param>
internal sealed class ChannelRangesEdit(string part) : IGraphEdit
{
    // ReduceMin and ReduceMax are given their axes as an input since.
    private const long AxesAsInput = 18;

    private static readonly long[] _allButChannels = [0, 2, 3];

    private readonly Dictionary<string, ChannelRanges> _seen = [];

    /// <summary>The output: the least values of a tensor's channels, the largest, those of the next. Null where there is nothing to look at.</summary>
    public string? Output { get; private set; }

    /// <summary>The length of the output.</summary>
    public int Length => _seen.Values.Sum(one => 2 * one.Low.Length);

    /// <summary>What was seen so far, by the names of tensors.</summary>
    public IReadOnlyDictionary<string, ChannelRanges> Seen => _seen;

    public string Key => "channel ranges";

    public bool AppliesTo(string other) => other == part;

    public void Apply(OnnxGraph graph)
    {
        foreach (var module in EightBitConvolutionsEdit.Find(graph, new OnnxIndex(graph)))
        {
            Look(module.Node.Inputs[0], module.Shape[1]);
            Look(module.Node.Outputs[0], module.Shape[0]);
        }

        if (_seen.Count == 0)
        {
            return;
        }

        var prefix = graph.FreePrefix("ranges");
        var asInput = graph.OpsetVersion() >= AxesAsInput;
        if (asInput)
        {
            graph.Initializers.Add(new OnnxInitializer($"{prefix}/axes", OnnxElementType.Int64, [_allButChannels.Length], MemoryMarshal.AsBytes<long>(_allButChannels)));
        }

        IEnumerable<OnnxAttribute> attributes = [OnnxAttribute.Of("keepdims", 0), .. asInput ? [] : new[] { OnnxAttribute.Of("axes", _allButChannels) }];
        var ends = new List<string>();
        foreach (var (i, tensor) in _seen.Keys.Index())
        {
            foreach (var end in (string[])["ReduceMin", "ReduceMax"])
            {
                var name = $"{prefix}/{end}_{i}";
                graph.Nodes.Add(new OnnxNode(end, asInput ? [tensor, $"{prefix}/axes"] : [tensor], [name], attributes));
                graph.Nodes.Add(new OnnxNode("Cast", [name], [$"{name}_wide"], OnnxAttribute.Of("to", (long)OnnxElementType.Float)));
                ends.Add($"{name}_wide");
            }
        }

        Output = $"{prefix}/all";
        graph.Nodes.Add(new OnnxNode("Concat", ends, [Output], OnnxAttribute.Of("axis", 0)));
        graph.AddOutput(Output, OnnxElementType.Float);
    }

    /// <summary>Takes in what a run said.</summary>
    public void Add(ReadOnlySpan<float> output)
    {
        foreach (var one in _seen.Values)
        {
            var channels = one.Low.Length;
            one.Add(output[..channels], output.Slice(channels, channels));
            output = output[(2 * channels)..];
        }
    }

    private void Look(string tensor, long channels) =>
        _seen.TryAdd(tensor, new ChannelRanges([.. Enumerable.Repeat(float.PositiveInfinity, (int)channels)], [.. Enumerable.Repeat(float.NegativeInfinity, (int)channels)]));
}
