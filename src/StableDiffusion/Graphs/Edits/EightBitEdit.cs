namespace StableDiffusion;

/// <summary>
/// Rounds the weights of linear layers to 8 bits: ONNX Runtime's <c>com.microsoft.MatMulNBits</c> in the place of MatMul, and of Gemm where it is a
/// plain linear layer. Made last, for other edits look for weights as exports have them.
/// </summary>
/// <param name="asWhole">
/// Whether <c>com.microsoft.DynamicQuantizeMatMul</c> stands there instead: one scale for an output's weights, and one for all that a layer is given in a
/// call. Half the time again, and coarser; so not where a layer is given the text, in which a few values of CLIP are some thirty times the others, nor for Gemm.
/// </param>
/// <remarks>
/// Layers are found by structure. On a CPU the operator rounds a layer's inputs to 8 bits too, 32 at a time (accuracy_level 4): its fast way. It
/// computes in float32; a float16 graph is cast there and back, which the CPU does for every other operator as well.
/// </remarks>
internal sealed class EightBitEdit(bool asWhole = false) : IGraphEdit
{
    private const string Domain = "com.microsoft";
    private const int EightBitInputs = 4;

    public string Key => $"8-bit linear layers, blocks of {BlockQuantization.BlockSize}{(asWhole ? " or whole" : "")}";

    /// <summary>How many layers the last graph had that were rounded.</summary>
    public int Layers { get; private set; }

    /// <summary>Autoencoders are nearly all convolutions.</summary>
    public bool AppliesTo(string part) => !part.StartsWith("vae_", StringComparison.Ordinal);

    public void Apply(OnnxGraph graph)
    {
        var index = new OnnxIndex(graph);
        var layers = Find(graph, index);
        Layers = layers.Count;
        if (layers.Count == 0)
        {
            return;
        }

        var prefix = graph.FreePrefix("w8");
        var rounded = new Dictionary<(string, bool, bool), (string Packed, string Scales)>();
        var around = new Dictionary<OnnxNode, List<OnnxNode>>();
        foreach (var layer in layers)
        {
            var isWhole = asWhole && layer.Node.OpType == "MatMul" && !IsGivenText(layer.Node.Inputs[0], graph, index);
            if (!rounded.TryGetValue((layer.Weight, layer.Transposed, isWhole), out var weight))
            {
                weight = Round(graph, index, layer, isWhole, $"{prefix}/{rounded.Count}");
                rounded[(layer.Weight, layer.Transposed, isWhole)] = weight;
            }

            var type = index.ElementTypeAt(layer.Node.Input(1));
            around[layer.Node] = Replace(layer, weight, isWhole, type, $"{prefix}/layer_{around.Count}");
        }

        var nodes = graph.Nodes.SelectMany(node => around.TryGetValue(node, out var instead) ? instead : [node]).ToList();
        graph.Nodes.Clear();
        graph.Nodes.AddRange(nodes);
        graph.AddOpset(Domain, 1);
        graph.Prune();
    }

    /// <summary>Bytes that a graph takes less in memory with its layers rounded.</summary>
    /// <param name="graph">The graph as exported.</param>
    /// <param name="widened">Whether float16 is held as float32.</param>
    public static long BytesSaved(OnnxGraph graph, bool widened)
    {
        const double after = 1 + (sizeof(float) / (double)BlockQuantization.BlockSize);
        var index = new OnnxIndex(graph);
        return (long)Find(graph, index).DistinctBy(layer => layer.Weight).Sum(layer =>
            (double)layer.Shape[0] * layer.Shape[1] * ((widened || index.Constant(layer.Weight)!.ElementType == OnnxElementType.Float ? 4 : 2) - after));
    }

    private static List<WeightedModule> Find(OnnxGraph graph, OnnxIndex index)
    {
        var found = WeightedModule.Find(graph, index).Where(module => IsLinear(module, index)).ToDictionary(module => module.Node);
        return [.. found.Values.Where(layer => NobodyElseReads(layer, index, found))];
    }

    /// <summary>Whether a node is a layer y = W x, or W x + b, of a size that gains.</summary>
    private static bool IsLinear(WeightedModule module, OnnxIndex index)
    {
        bool IsOne(string attribute) => module.Node.Attribute(attribute) is not { Float: not 1 };
        return module.Node.OpType is "MatMul" or "Gemm"
            && module.Shape.All(size => size is >= BlockQuantization.BlockSize and <= int.MaxValue)
            && index.Constant(module.Node.Input(1))!.ElementType is OnnxElementType.Float or OnnxElementType.Float16 or OnnxElementType.BFloat16
            && index.ElementTypeAt(module.Node.Input(1)) is OnnxElementType.Float or OnnxElementType.Float16
            && module.Node.Attribute("transA") is not { Integer: not 0 } && IsOne("alpha") && IsOne("beta");
    }

    /// <summary>Whether a tensor is an input of the network as it came.</summary>
    private static bool IsGivenText(string tensor, OnnxGraph graph, OnnxIndex index) =>
        index.Origin(tensor) is var origin && graph.Inputs.Exists(input => input.Name == origin);

    /// <summary>A weight that others need as well would be held twice.</summary>
    private static bool NobodyElseReads(WeightedModule layer, OnnxIndex index, Dictionary<OnnxNode, WeightedModule> layers)
    {
        var waiting = new Stack<string>([layer.Weight]);
        while (waiting.TryPop(out var tensor))
        {
            foreach (var reader in index.Readers(tensor))
            {
                if (reader.OpType is "Identity" or "Cast" or "Transpose")
                {
                    waiting.Push(reader.Outputs[0]);
                }
                else if (!layers.ContainsKey(reader) || reader.Input(1) != tensor)
                {
                    return false;
                }
            }
        }

        return true;
    }

    private static (string Packed, string Scales) Round(OnnxGraph graph, OnnxIndex index, WeightedModule layer, bool isWhole, string name)
    {
        var constant = index.Constant(layer.Node.Input(1))!;
        var (outputs, inputs) = ((int)layer.Shape[0], (int)layer.Shape[1]);
        var values = WeightValues.ToFloats(graph.ReadBytes(constant), constant.ElementType);
        if (isWhole)
        {
            var (columns, steps) = ChannelQuantization.Pack(values, outputs, inputs, layer.Transposed, byInput: true);
            graph.AddWeight($"{name}_packed", OnnxElementType.Int8, [inputs, outputs], System.Runtime.InteropServices.MemoryMarshal.AsBytes<sbyte>(columns));
            graph.AddWeight($"{name}_scales", OnnxElementType.Float, [outputs], WeightValues.FromFloats(steps, OnnxElementType.Float));
            return ($"{name}_packed", $"{name}_scales");
        }

        var (packed, scales) = BlockQuantization.Pack(values, outputs, inputs, layer.Transposed);
        var blocks = BlockQuantization.BlocksOf(inputs);
        graph.AddWeight($"{name}_packed", OnnxElementType.UInt8, [outputs, blocks, BlockQuantization.BlockSize], packed);
        graph.AddWeight($"{name}_scales", OnnxElementType.Float, [outputs, blocks], WeightValues.FromFloats(scales, OnnxElementType.Float));
        return ($"{name}_packed", $"{name}_scales");
    }

    /// <summary>Makes a node the new operator, under the name it has, and gives all that stands in its place.</summary>
    private static List<OnnxNode> Replace(WeightedModule layer, (string Packed, string Scales) weight, bool isWhole, OnnxElementType type, string name)
    {
        var node = layer.Node;
        var (input, output, bias) = (node.Inputs[0], node.Outputs[0], node.OpType == "Gemm" ? node.Input(2) : "");
        var nodes = new List<OnnxNode>();
        if (type != OnnxElementType.Float)
        {
            nodes.Add(new OnnxNode("Cast", [input], [$"{name}_input"], OnnxAttribute.Of("to", (long)OnnxElementType.Float)));
            input = $"{name}_input";
        }

        (node.OpType, node.Domain) = (isWhole ? WeightedModule.AsWhole : WeightedModule.InBlocks, Domain);
        node.Inputs.Clear();
        node.Inputs.AddRange([input, weight.Packed, weight.Scales]);
        node.Attributes.Clear();
        node.Attributes.AddRange(isWhole ? [] :
        [
            OnnxAttribute.Of("K", layer.Shape[1]),
            OnnxAttribute.Of("N", layer.Shape[0]),
            OnnxAttribute.Of("bits", 8),
            OnnxAttribute.Of("block_size", BlockQuantization.BlockSize),
            OnnxAttribute.Of("accuracy_level", EightBitInputs),
        ]);
        nodes.Add(node);
        void Then(string opType, IEnumerable<string> more, params IEnumerable<OnnxAttribute> attributes)
        {
            var before = nodes[^1].Outputs[0] = $"{name}_{nodes.Count}";
            nodes.Add(new OnnxNode(opType, [before, .. more], [output], attributes));
        }

        if (type != OnnxElementType.Float)
        {
            Then("Cast", [], OnnxAttribute.Of("to", (long)type));
        }

        if (bias.Length > 0)
        {
            Then("Add", [bias]);
        }

        return nodes;
    }
}
