namespace StableDiffusion;

/// <content>The changes that need the whole graph in view.</content>
internal sealed partial class OnnxGraph
{
    /// <summary>Makes an inner tensor an output, once. Without a type, ONNX Runtime takes its producer's.</summary>
    public void AddOutput(string tensor, OnnxElementType elementType = OnnxElementType.Undefined)
    {
        if (Outputs.TrueForAll(o => o.Name != tensor))
        {
            Outputs.Add(new OnnxValue(tensor, elementType));
        }
    }

    /// <summary>Adds a weight: a big one as a range of the file of <see cref="Made"/>, whose owner is whoever opens the graph.</summary>
    /// <exception cref="ModelException">The file cannot be written.</exception>
    public void AddWeight(string name, OnnxElementType elementType, IReadOnlyList<long> dimensions, ReadOnlySpan<byte> values)
    {
        if (values.Length < SmallestExternalBytes || Folder.Length == 0 || !HasPlaceForMade())
        {
            Initializers.Add(new OnnxInitializer(name, elementType, dimensions, values));
            return;
        }

        var weight = new OnnxInitializer(name, elementType, dimensions, []);
        weight.PointTo(new OnnxFileRange(WeightFiles.LocationIn(Folder, Made!.Path), Made.Add(values), values.Length));
        Initializers.Add(weight);
    }

    /// <summary>Makes the file where there is none, and names all weights from the folder above it and the model: ONNX Runtime opens none outside one folder.</summary>
    private bool HasPlaceForMade()
    {
        if (Made is not null)
        {
            return true;
        }

        var made = MadeWeights.Create();
        if (!WeightFiles.NameFromAbove(this, made.Path))
        {
            made.Dispose(); // on another drive
            return false;
        }

        Made = made;
        return true;
    }

    /// <summary>A name that no tensor of the graph has: the one given, with a number behind it if need be.</summary>
    public string FreeName(string wish)
    {
        var taken = Nodes.SelectMany(n => n.Reads.Concat(n.Outputs))
            .Concat(Initializers.Select(i => i.Name)).Concat(Inputs.Select(i => i.Name)).ToHashSet();
        var name = wish;
        for (var k = 2; taken.Contains(name); k++)
        {
            name = $"{wish}_{k}";
        }

        return name;
    }

    /// <summary>What no name of a tensor begins with: the text given, with lines behind it if need be.</summary>
    public string FreePrefix(string wish)
    {
        var prefix = wish;
        while (Nodes.Exists(node => node.Outputs.Exists(output => output.StartsWith(prefix, StringComparison.Ordinal)))
            || Initializers.Exists(weight => weight.Name.StartsWith(prefix, StringComparison.Ordinal))
            || Inputs.Exists(input => input.Name.StartsWith(prefix, StringComparison.Ordinal)))
        {
            prefix += "_";
        }

        return prefix;
    }

    /// <summary>
    /// Puts every node behind those it reads. The file's order is kept but for producers that come late: they move up to just
    /// before their first reader (float16 converters append their Casts at the end).
    /// </summary>
    /// <exception cref="ModelException">The graph runs in a circle.</exception>
    public void Sort()
    {
        if (IsSorted())
        {
            return;
        }

        var producer = new OnnxIndex(this);
        var state = new Dictionary<OnnxNode, bool>(ReferenceEqualityComparer.Instance); // false: waits for its inputs, true: placed
        var sorted = new List<OnnxNode>(Nodes.Count);
        foreach (var last in Nodes)
        {
            var waiting = new Stack<OnnxNode>([last]);
            while (waiting.TryPeek(out var node))
            {
                if (state.GetValueOrDefault(node))
                {
                    waiting.Pop();
                    continue;
                }

                var inputs = state.ContainsKey(node)
                    ? []
                    : node.Reads.Select(producer.Producer).OfType<OnnxNode>().Where(p => !state.GetValueOrDefault(p)).ToList();
                if (inputs.Exists(state.ContainsKey) || inputs.Contains(node))
                {
                    throw new ModelException($"{Path}: the graph runs in a circle. Download or export it again.");
                }

                state[node] = inputs.Count == 0;
                if (inputs.Count == 0)
                {
                    sorted.Add(node);
                    waiting.Pop();
                }

                for (var k = inputs.Count - 1; k >= 0; k--)
                {
                    waiting.Push(inputs[k]);
                }
            }
        }

        Nodes.Clear();
        Nodes.AddRange(sorted);
    }

    private bool IsSorted()
    {
        var read = new HashSet<string>();
        foreach (var node in Nodes)
        {
            read.UnionWith(node.Reads);
            if (node.Outputs.Exists(read.Contains))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// Drops every node, weight and type that no output needs; ONNX Runtime would run such nodes. Inputs stay, used or not,
    /// but for those that only name a weight.
    /// </summary>
    public void Prune()
    {
        var needed = new OnnxIndex(this).Ancestors(Outputs.Select(o => o.Name));
        Nodes.RemoveAll(n => !n.Outputs.Exists(needed.Contains));
        ValueInfos.RemoveAll(v => !needed.Contains(v.Name));

        var dropped = Initializers.Where(i => !needed.Contains(i.Name)).Select(i => i.Name).ToHashSet();
        Initializers.RemoveAll(i => dropped.Contains(i.Name));
        Inputs.RemoveAll(i => dropped.Contains(i.Name));
    }
}
