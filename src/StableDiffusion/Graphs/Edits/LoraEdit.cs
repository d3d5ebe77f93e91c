namespace StableDiffusion;

/// <summary>
/// Puts LoRAs into a graph: small weights are changed in memory, W + up · down; beside larger ones the product runs as a path of its own,
/// y = W x + up (down x), which neither reads nor copies the weight. Both give the same numbers but for the last bits. Every export goes: float16,
/// transposed, shared, quantised and external weights.
/// </summary>
internal static class LoraEdit
{
    /// <summary>
    /// Above so many bytes of weights in all the changes run beside them: merging would hold them a second time while the session opens, and a
    /// path of rank 32 costs a large UNet 3 % of its multiplications.
    /// </summary>
    public const long MostMergedBytes = 64 << 20;

    private const int WeightInput = 1;

    /// <summary>Applies changes to the modules of a graph, in place.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="changes">The modules and what is added to the weight of each.</param>
    /// <param name="mostMergedBytes">See <see cref="MostMergedBytes"/>.</param>
    public static void Apply(OnnxGraph graph, IReadOnlyDictionary<WeightedModule, LowRank> changes, long mostMergedBytes = MostMergedBytes)
    {
        var index = new OnnxIndex(graph);
        var merges = changes.Keys.Sum(module => BytesOf(index.Initializer(module.Weight))) <= mostMergedBytes;
        var prefix = graph.FreePrefix("lora");
        foreach (var (module, change) in changes)
        {
            if (merges && CanMerge(module, index))
            {
                Merge(graph, index, module, change);
            }
            else
            {
                RunBeside(graph, index, module, change, $"{prefix}/{module.Node.Outputs[0]}");
            }
        }
    }

    private static long BytesOf(OnnxInitializer? weight) => weight is null ? 0 : weight.Dimensions.Aggregate((long)sizeof(float), (bytes, size) => bytes * size);

    /// <summary>Whether the weight is one of plain numbers that no other node reads.</summary>
    private static bool CanMerge(WeightedModule module, OnnxIndex index)
    {
        if (index.Initializer(module.Weight) is not { ElementType: OnnxElementType.Float or OnnxElementType.Float16 or OnnxElementType.BFloat16 })
        {
            return false;
        }

        for (var tensor = module.Node.Input(WeightInput); ; tensor = index.Producer(tensor)!.Inputs[0])
        {
            if (index.Readers(tensor).Count != 1 || index.Producer(tensor)?.OpType == "DequantizeLinear")
            {
                return false;
            }

            if (tensor == module.Weight)
            {
                return true;
            }
        }
    }

    /// <summary>A weight that is stored small and computed with in float32 is stored in float32, so that small changes are not rounded away.</summary>
    private static void Merge(OnnxGraph graph, OnnxIndex index, WeightedModule module, LowRank change)
    {
        var weight = index.Initializer(module.Weight)!;
        var type = index.Readers(module.Weight) is [{ OpType: "Cast" } cast] && cast.Attribute("to")?.Integer == (long)OnnxElementType.Float ? OnnxElementType.Float : weight.ElementType;
        var bytes = graph.ReadBytes(weight);
        var values = WeightValues.ToFloats(bytes, weight.ElementType);
        change.AddTo(values, module.Transposed);
        var merged = new OnnxInitializer(weight.Name, type, weight.Dimensions, WeightValues.FromFloats(values, type));
        graph.Initializers[graph.Initializers.IndexOf(weight)] = merged;
    }

    private static void RunBeside(OnnxGraph graph, OnnxIndex index, WeightedModule module, LowRank change, string name)
    {
        var type = module.IsRounded ? OnnxElementType.Float : index.ElementTypeAt(module.Node.Input(WeightInput));
        var node = module.Node;

        // Between what rounds its input and its output a convolution may know levels only, not values.
        var (input, last) = (Rounding.Before(node, index)?.Inputs[0] ?? node.Inputs[0], Rounding.Behind(node, index) ?? node);
        var output = last.Outputs[0];
        string Weight(string part, float[] values, params IEnumerable<long> shape)
        {
            graph.Initializers.Add(new OnnxInitializer($"{name}/{part}", type, shape, WeightValues.FromFloats(values, type)));
            return $"{name}/{part}";
        }

        OnnxNode[] path = node.OpType == "Conv"
            ?
            [
                new("Conv", [input, Weight("down", change.Down, [change.Rank, .. module.Shape.Skip(1)])], [$"{name}/low"], KernelAttributes(node, module.Shape)),
                new("Conv", [$"{name}/low", Weight("up", change.Up, change.Outputs, change.Rank, 1, 1)], [$"{name}/high"]),
            ]
            :
            [
                new("MatMul", [input, Weight("down", LowRank.Transpose(change.Down, change.Rank, change.RowLength), change.RowLength, change.Rank)], [$"{name}/low"]),
                new("MatMul", [$"{name}/low", Weight("up", LowRank.Transpose(change.Up, change.Outputs, change.Rank), change.Rank, change.Outputs)], [$"{name}/high"]),
            ];
        last.Outputs[0] = $"{name}/base";
        graph.Nodes.InsertRange(graph.Nodes.IndexOf(last) + 1, [.. path, new OnnxNode("Add", [$"{name}/base", $"{name}/high"], [output])]);
    }

    private static List<OnnxAttribute> KernelAttributes(OnnxNode convolution, IReadOnlyList<long> shape) =>
    [
        .. convolution.Attributes.Where(attribute => attribute.Name is "pads" or "strides" or "dilations" or "auto_pad"),
        OnnxAttribute.Of("kernel_shape", shape.Skip(2)),
    ];
}
