using System.Runtime.InteropServices;

namespace StableDiffusion;

/// <summary>
/// Computes convolutions with 8 bits: what goes in is rounded to 256 levels of the range that it was seen to have while pictures were painted, what comes out to those
/// of each channel's range, weights to 255 of each output's. Written as ONNX's QuantizeLinear and DequantizeLinear around a Conv, which ONNX Runtime makes one <c>QLinearConv</c> of.
/// </summary>
/// <param name="seen">What was seen, from <see cref="ChannelRangesEdit"/>.</param>
/// <remarks>
/// QLinearConv knows one step for all that comes out. So the convolution gives levels, not values: steps of channels are divided out of the weights' scales, and values
/// are made again behind it, channel by channel. Steps of the channels that go in could be multiplied into the weights (SmoothQuant, Xiao et al. 2022), for a fifth
/// less of an error; but rounding by channels takes ONNX Runtime twice as long as the convolutions do. Convolutions of few channels stay: the first and the last
/// cost least. So do those of a U-Net behind its last enlargement, but for the one that belongs to that: what they add to the prediction nothing after them
/// evens out.
/// </remarks>
internal sealed class EightBitConvolutionsEdit(IReadOnlyDictionary<string, ChannelRanges> seen) : IGraphEdit
{
    /// <summary>The fewest channels in and out.</summary>
    public const int FewestChannels = 32;

    // Half of what 32 bits hold; the sums of products take less than the other half.
    private const float MostSteps = 1 << 30;

    // DequantizeLinear has an axis since.
    private const long FirstOpset = 13;

    public string Key => "8-bit convolutions";

    /// <summary>How many convolutions the last graph had that were rounded.</summary>
    public int Convolutions { get; private set; }

    public bool AppliesTo(string part) => part is "unet" or "vae_decoder";

    /// <summary>The convolutions that can be rounded, in the order of the graph.</summary>
    public static IReadOnlyList<WeightedModule> Find(OnnxGraph graph, OnnxIndex index)
    {
        bool IsKnown(string tensor) =>
            index.Constant(tensor)?.ElementType is OnnxElementType.Float or OnnxElementType.Float16 or OnnxElementType.BFloat16
            && index.ElementTypeAt(tensor) is OnnxElementType.Float or OnnxElementType.Float16;
        var late = graph.Inputs.Exists(input => input.Name == "timestep") ? Late(graph) : [];
        return
        [
            .. WeightedModule.Find(graph, index).Where(module =>
                module.Node.OpType == "Conv"
                && !late.Contains(module.Node)
                && module.Shape[0] >= FewestChannels && module.Shape[1] >= FewestChannels
                && module.Node.Attribute("group") is not { Integer: not 1 }
                && IsKnown(module.Node.Input(1))
                && (module.Node.Input(2).Length == 0 || IsKnown(module.Node.Input(2)))),
        ];
    }

    /// <summary>The nodes behind a U-Net's last enlargement, without those that read it.</summary>
    private static HashSet<OnnxNode> Late(OnnxGraph graph)
    {
        graph.Sort();
        var last = graph.Nodes.FindLastIndex(node => node.OpType is "Resize" or "Upsample");
        return last < 0 ? [] : [.. graph.Nodes.Skip(last + 1).Where(node => !node.Inputs.Contains(graph.Nodes[last].Outputs[0]))];
    }

    /// <exception cref="ModelException">The graph is of an operator set without scales for each channel.</exception>
    public void Apply(OnnxGraph graph)
    {
        if (graph.OpsetVersion() < FirstOpset)
        {
            throw new ModelException($"{graph.Path} is of ONNX's operator set {graph.OpsetVersion()}, and 8-bit convolutions need {FirstOpset}; export it again with a current optimum.");
        }

        var index = new OnnxIndex(graph);
        var writer = new Writer(graph, index, seen);
        bool WasSeen(string tensor) => seen.TryGetValue(tensor, out var ranges) && ranges.IsKnown;
        var around = Find(graph, index).Where(module => WasSeen(module.Node.Inputs[0]) && WasSeen(module.Node.Outputs[0]))
            .ToDictionary(module => module.Node, writer.Around);
        Convolutions = around.Count;
        var nodes = graph.Nodes.SelectMany(node => around.TryGetValue(node, out var instead) ? instead : [node]).ToList();
        graph.Nodes.Clear();
        graph.Nodes.AddRange(nodes);
        graph.Prune();
    }

    private sealed class Writer
    {
        private readonly OnnxGraph _graph;
        private readonly OnnxIndex _index;
        private readonly IReadOnlyDictionary<string, ChannelRanges> _seen;
        private readonly string _prefix;
        private int _count;

        public Writer(OnnxGraph graph, OnnxIndex index, IReadOnlyDictionary<string, ChannelRanges> seen)
        {
            (_graph, _index, _seen, _prefix) = (graph, index, seen, graph.FreePrefix("int8"));
            graph.AddWeight($"{_prefix}/level", OnnxElementType.Float, [], MemoryMarshal.AsBytes([1f]));
        }

        /// <summary>A convolution with all that stands around it.</summary>
        public List<OnnxNode> Around(WeightedModule module)
        {
            var (node, name) = (module.Node, $"{_prefix}/{_count++}");
            var isHalf = _index.ElementTypeAt(node.Input(1)) == OnnxElementType.Float16;
            var (input, output) = (node.Inputs[0], node.Outputs[0]);
            var nodes = new List<OnnxNode>();
            string Add(string opType, string result, string[] inputs, params IEnumerable<OnnxAttribute> attributes)
            {
                nodes.Add(new OnnxNode(opType, inputs, [result], attributes));
                return result;
            }

            string Cast(string tensor, string result, OnnxElementType type) => Add("Cast", result, [tensor], OnnxAttribute.Of("to", (long)type));

            var step = _seen[input].Widest;
            _graph.AddWeight($"{name}_input_step", OnnxElementType.Float, [], MemoryMarshal.AsBytes([step]));
            _graph.AddWeight($"{name}_input_zero", OnnxElementType.UInt8, [], [_seen[input].Zero]);
            var outputSteps = AddSteps(_seen[output], $"{name}_output");
            var hasBias = AddWeights(module, name, step, outputSteps);
            string[] inputStep = [$"{name}_input_step", $"{name}_input_zero"];
            var outputs = OnnxAttribute.Of("axis", 0);

            var given = isHalf ? Cast(input, $"{name}_wide", OnnxElementType.Float) : input;
            given = Add("QuantizeLinear", $"{name}_input_rounded", [given, .. inputStep]);
            node.Inputs.Clear();
            node.Inputs.Add(Add("DequantizeLinear", $"{name}_input", [given, .. inputStep]));
            node.Inputs.Add(Add("DequantizeLinear", $"{name}_weight", [$"{name}_weight_rounded", $"{name}_weight_steps"], outputs));
            if (hasBias)
            {
                node.Inputs.Add(Add("DequantizeLinear", $"{name}_bias", [$"{name}_bias_rounded", $"{name}_bias_steps"], outputs));
            }

            nodes.Add(node);
            node.Outputs[0] = $"{name}_output_levels";
            var rounded = Add("QuantizeLinear", $"{name}_output_rounded", [node.Outputs[0], $"{_prefix}/level", $"{name}_output_zero"]);
            var last = Add("DequantizeLinear", isHalf ? $"{name}_output" : output, [rounded, $"{name}_output_steps", $"{name}_output_zeros"], OnnxAttribute.Of("axis", 1));
            if (isHalf)
            {
                Cast(last, output, OnnxElementType.Float16);
            }

            return nodes;
        }

        private float[] AddSteps(ChannelRanges ranges, string name)
        {
            var (zero, steps) = (ranges.Zero, ranges.Steps);
            _graph.AddWeight($"{name}_steps", OnnxElementType.Float, [steps.Length], MemoryMarshal.AsBytes<float>(steps));
            _graph.AddWeight($"{name}_zeros", OnnxElementType.UInt8, [steps.Length], [.. Enumerable.Repeat(zero, steps.Length)]);
            _graph.AddWeight($"{name}_zero", OnnxElementType.UInt8, [], [zero]);
            return steps;
        }

        /// <summary>Adds the weight, which gives levels, and the bias in steps of the products that it is added to.</summary>
        /// <returns>Whether there is a bias.</returns>
        private bool AddWeights(WeightedModule module, string name, float inputStep, float[] outputSteps)
        {
            var values = Floats(module.Node.Input(1));
            var outputs = outputSteps.Length;
            float[] bias = module.Node.Input(2).Length > 0 ? [.. Floats(module.Node.Input(2))] : [];

            // Where an output has next to no weights, steps in which its bias can be counted.
            float[] least = [.. bias.Select(one => MathF.Abs(one) / (inputStep * MostSteps))];
            var (packed, steps) = ChannelQuantization.Pack(values, outputs, values.Length / outputs, transposed: false, byInput: false, least);
            _graph.AddWeight($"{name}_weight_rounded", OnnxElementType.Int8, module.Shape, MemoryMarshal.AsBytes<sbyte>(packed));
            float[] inLevels = [.. steps.Zip(outputSteps, (weight, output) => weight / output)];
            _graph.AddWeight($"{name}_weight_steps", OnnxElementType.Float, [outputs], MemoryMarshal.AsBytes<float>(inLevels));
            if (bias.Length == 0)
            {
                return false;
            }

            int[] rounded = [.. bias.Zip(steps, (one, step) => (int)Math.Round(one / ((double)inputStep * step)))];
            _graph.AddWeight($"{name}_bias_rounded", OnnxElementType.Int32, [outputs], MemoryMarshal.AsBytes<int>(rounded));
            _graph.AddWeight($"{name}_bias_steps", OnnxElementType.Float, [outputs], MemoryMarshal.AsBytes<float>([.. inLevels.Select(one => inputStep * one)]));
            return true;
        }

        private Span<float> Floats(string tensor)
        {
            var constant = _index.Constant(tensor)!;
            return WeightValues.ToFloats(_graph.ReadBytes(constant), constant.ElementType);
        }
    }
}
