using System.Runtime.InteropServices;

namespace StableDiffusion;

/// <summary>
/// Makes the plane that convolutions see a torus: what they pad with is taken from the opposite edge, not zero (the webui's tiling sets PyTorch's
/// <c>padding_mode="circular"</c>). With it a network is equivariant: a turned input gives the turned output.
/// </summary>
internal sealed class CircularPaddingEdit : IGraphEdit
{
    private const int TopOfConvolution = 2;
    private const int TopOfChannelsLast = 1;

    public string Key => "circular padding";

    public bool AppliesTo(string part) => part is "unet" or "vae_decoder" or "vae_encoder";

    public void Apply(OnnxGraph graph)
    {
        var (index, wrap) = (new OnnxIndex(graph), new Wrapping(graph));
        foreach (var node in graph.Nodes.ToList())
        {
            if (node.OpType is "Conv" or "FusedConv" or "NhwcConv" or "ConvInteger" or "QLinearConv")
            {
                Wrap(graph, index, node, wrap);
            }
            else if (node.OpType == "Pad" && FeedsConvolution(node, index) && PadsOf(node, index) is { } pads)
            {
                // The encoder of Stable Diffusion pads before its strides, at two edges only.
                var padded = wrap.Around(node, node.Inputs[0], pads, TopOfConvolution);
                node.OpType = "Identity";
                node.Inputs.Clear();
                node.Inputs.Add(padded);
                node.Attributes.Clear();
            }
        }
    }

    private static void Wrap(OnnxGraph graph, OnnxIndex index, OnnxNode node, Wrapping wrap)
    {
        if (node.Attribute("auto_pad")?.Text is { } kind and not ("NOTSET" or "VALID" or ""))
        {
            throw new ModelException($"{graph.Path} pads its convolutions by {OneLine.Of(kind)}, which cannot be made seamless; export it again with a current optimum.");
        }

        if (node.Attribute("pads") is not { Integers: { Count: 4 } pads } attribute || pads.All(pad => pad == 0))
        {
            return;
        }

        // Between what rounds and a convolution ONNX Runtime wants nothing, or it makes no operator of 8 bits of them.
        var reader = Rounding.Before(node, index) ?? node;
        reader.Inputs[0] = wrap.Around(reader, reader.Inputs[0], pads, node.OpType == "NhwcConv" ? TopOfChannelsLast : TopOfConvolution);
        node.Attributes[node.Attributes.IndexOf(attribute)] = OnnxAttribute.Of("pads", [0L, 0, 0, 0]);
    }

    private static bool FeedsConvolution(OnnxNode pad, OnnxIndex index) =>
        index.Readers(pad.Outputs[0]) is { Count: > 0 } readers && readers.All(reader => reader.OpType is "Conv" or "FusedConv");

    /// <summary>Top, left, bottom and right of a Pad of zeros; null where it is of another kind, or its sizes are computed.</summary>
    private static IReadOnlyList<long>? PadsOf(OnnxNode pad, OnnxIndex index)
    {
        if (pad.Attribute("mode")?.Text is { } mode and not ("constant" or ""))
        {
            return null;
        }

        var pads = pad.Attribute("pads")?.Integers ?? Numbers(pad.Input(1), index) ?? TorchPads(pad.Input(1), index);
        return pads is { Count: 8 } && pads[0] == 0 && pads[1] == 0 && pads[4] == 0 && pads[5] == 0 && pads.All(size => size >= 0)
            ? [pads[2], pads[3], pads[6], pads[7]]
            : null;
    }

    /// <summary>torch.onnx computes the sizes from those of <c>F.pad</c>, left, right, top, bottom, with zeros put behind them and the whole turned around.</summary>
    private static long[]? TorchPads(string tensor, OnnxIndex index)
    {
        foreach (var ancestor in index.Ancestors(tensor))
        {
            if (index.Producer(ancestor) is { OpType: "Concat" } concat && Numbers(concat.Inputs[0], index) is [var left, var right, var top, var bottom])
            {
                return [0, 0, top, left, 0, 0, bottom, right];
            }
        }

        return null;
    }

    private static long[]? Numbers(string tensor, OnnxIndex index) =>
        index.Constant(tensor) is { ElementType: OnnxElementType.Int64, File: null } constant
            ? MemoryMarshal.Cast<byte, long>(constant.InlineBytes()).ToArray()
            : null;

    /// <summary>Adds the nodes that put parts of opposite edges around a tensor. Slice and Concat: Pad has a mode for it from opset 19 only.</summary>
    private sealed class Wrapping(OnnxGraph graph)
    {
        private readonly string _name = graph.FreeName("wrapped");
        private readonly Dictionary<long, string> _numbers = [];
        private int _count;

        /// <returns>The padded tensor, made just before <paramref name="reader"/>.</returns>
        public string Around(OnnxNode reader, string tensor, IReadOnlyList<long> pads, int firstAxis)
        {
            for (var axis = 0; axis < 2; axis++)
            {
                tensor = Along(reader, tensor, firstAxis + axis, pads[axis], pads[axis + 2]);
            }

            return tensor;
        }

        private string Along(OnnxNode reader, string tensor, int axis, long before, long after)
        {
            if (before == 0 && after == 0)
            {
                return tensor;
            }

            string[] parts =
            [
                .. before > 0 ? (string[])[Slice(reader, tensor, axis, -before, long.MaxValue)] : [],
                tensor,
                .. after > 0 ? (string[])[Slice(reader, tensor, axis, 0, after)] : [],
            ];
            return Add(reader, new OnnxNode("Concat", parts, [NextName()], OnnxAttribute.Of("axis", axis)));
        }

        private string Slice(OnnxNode reader, string tensor, int axis, long start, long end) =>
            Add(reader, new OnnxNode("Slice", [tensor, Number(start), Number(end), Number(axis)], [NextName()]));

        private string Add(OnnxNode reader, OnnxNode node)
        {
            graph.Nodes.Insert(graph.Nodes.IndexOf(reader), node);
            return node.Outputs[0];
        }

        private string NextName() => $"{_name}/{_count++}";

        private string Number(long value)
        {
            if (!_numbers.TryGetValue(value, out var name))
            {
                _numbers[value] = name = $"{_name}/number{_numbers.Count}";
                graph.Initializers.Add(new OnnxInitializer(name, OnnxElementType.Int64, [1], MemoryMarshal.AsBytes([value])));
            }

            return name;
        }
    }
}
