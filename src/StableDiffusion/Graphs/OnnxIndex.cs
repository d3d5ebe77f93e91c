using System.Buffers.Binary;

namespace StableDiffusion;

/// <summary>Who makes and who reads each tensor of a graph, as it was when the index was made.</summary>
internal sealed class OnnxIndex
{
    private readonly Dictionary<string, OnnxNode> _producers = [];
    private readonly Dictionary<string, List<OnnxNode>> _readers = [];
    private readonly Dictionary<string, OnnxInitializer> _initializers = [];

    public OnnxIndex(OnnxGraph graph)
    {
        foreach (var initializer in graph.Initializers)
        {
            _initializers.TryAdd(initializer.Name, initializer);
        }

        foreach (var node in graph.Nodes)
        {
            foreach (var output in node.Outputs.Where(o => o.Length > 0))
            {
                _producers.TryAdd(output, node);
            }

            foreach (var input in node.Reads)
            {
                if (!_readers.TryGetValue(input, out var readers))
                {
                    _readers[input] = readers = [];
                }

                if (readers.Count == 0 || readers[^1] != node)
                {
                    readers.Add(node);
                }
            }
        }
    }

    /// <summary>The node that makes a tensor; null for inputs and weights.</summary>
    public OnnxNode? Producer(string tensor) => _producers.GetValueOrDefault(tensor);

    /// <summary>The nodes that read a tensor, each once, in graph order.</summary>
    public IReadOnlyList<OnnxNode> Readers(string tensor) => _readers.TryGetValue(tensor, out var readers) ? readers : [];

    public OnnxInitializer? Initializer(string name) => _initializers.GetValueOrDefault(name);

    /// <summary>Looks back through nodes that only hand on: Identity, Cast, Transpose, DequantizeLinear.</summary>
    /// <returns>Where the tensor comes from, and whether it was turned an odd number of times on the way.</returns>
    public (string Tensor, bool Transposed) Source(string tensor)
    {
        var transposed = false;
        var passed = new HashSet<string>();
        while (Producer(tensor) is { Inputs.Count: > 0, OpType: "Identity" or "Cast" or "Transpose" or "DequantizeLinear" } node
            && passed.Add(tensor))
        {
            transposed ^= node.OpType == "Transpose";
            tensor = node.Inputs[0];
        }

        return (tensor, transposed);
    }

    /// <summary>Looks back through nodes that change no value: as <see cref="Source"/>, with other shapes in the place of turning.</summary>
    public string Origin(string tensor)
    {
        while (Producer(tensor) is { OpType: "Identity" or "Cast" or "DequantizeLinear" or "Reshape" } node)
        {
            tensor = node.Inputs[0];
        }

        return tensor;
    }

    /// <summary>The weight or Constant behind a tensor, seen through nodes that only hand on; null if it is computed.</summary>
    public OnnxInitializer? Constant(string tensor)
    {
        var (source, _) = Source(tensor);
        return Initializer(source) ?? (Producer(source) is { OpType: "Constant" } node ? node.Attribute("value")?.Tensor : null);
    }

    /// <summary>A constant of one number, whatever its type; null for all else.</summary>
    public double? Number(string tensor, OnnxGraph graph)
    {
        if (Constant(tensor) is not { } constant || constant.Dimensions.Any(size => size != 1))
        {
            return null;
        }

        var bytes = graph.ReadBytes(constant);
        return (constant.ElementType, bytes.Length) switch
        {
            (OnnxElementType.Float, sizeof(float)) => BinaryPrimitives.ReadSingleLittleEndian(bytes),
            (OnnxElementType.Float16, sizeof(ushort)) => (double)BinaryPrimitives.ReadHalfLittleEndian(bytes),
            (OnnxElementType.Double, sizeof(double)) => BinaryPrimitives.ReadDoubleLittleEndian(bytes),
            (OnnxElementType.Int64, sizeof(long)) => BinaryPrimitives.ReadInt64LittleEndian(bytes),
            _ => null,
        };
    }

    /// <summary>The type in which a constant reaches its reader, through nodes that only hand on.</summary>
    public OnnxElementType ElementTypeAt(string tensor)
    {
        for (var passed = new HashSet<string>(); passed.Add(tensor) && Producer(tensor) is { Inputs.Count: > 0 } node;)
        {
            switch (node.OpType)
            {
                case "Cast":
                    return (OnnxElementType)(node.Attribute("to")?.Integer ?? (long)OnnxElementType.Float);
                case "DequantizeLinear":
                    tensor = node.Input(1);
                    break;
                default:
                    tensor = node.Inputs[0];
                    break;
            }
        }

        return Constant(tensor)?.ElementType ?? OnnxElementType.Float;
    }

    /// <summary>All tensors that these are computed from, themselves included.</summary>
    public HashSet<string> Ancestors(params IEnumerable<string> tensors)
    {
        var found = new HashSet<string>();
        var waiting = new Stack<string>(tensors);
        while (waiting.TryPop(out var tensor))
        {
            if (tensor.Length == 0 || !found.Add(tensor) || Producer(tensor) is not { } node)
            {
                continue;
            }

            foreach (var input in node.Reads)
            {
                waiting.Push(input);
            }
        }

        return found;
    }
}
