namespace StableDiffusion;

/// <summary>Keeps float32 weights as float16 with a Cast behind each: half the file, and arithmetic stays in float32.</summary>
internal sealed class HalfWeightsEdit : IGraphEdit
{
    public string Key => "float16 weights";

    /// <summary>How many weights the last graph had that were changed.</summary>
    public int Weights { get; private set; }

    public bool AppliesTo(string part) => true;

    public void Apply(OnnxGraph graph)
    {
        // Names inside sub-graphs stay as they are.
        var inside = OnnxSubgraph.Mentioned(graph.Nodes.SelectMany(node => node.Attributes).SelectMany(attribute => attribute.Graphs)).ToHashSet();
        var prefix = graph.FreePrefix("widened");
        var widened = new Dictionary<string, string>();
        var casts = new List<OnnxNode>();
        foreach (var weight in graph.Initializers.Where(one => one.ElementType == OnnxElementType.Float && one.File is not null && !inside.Contains(one.Name)).ToList())
        {
            var halves = WeightValues.FromFloats(WeightValues.ToFloats(graph.ReadBytes(weight), OnnxElementType.Float), OnnxElementType.Float16);
            if (System.Runtime.InteropServices.MemoryMarshal.Cast<byte, Half>(halves).IndexOfAnyExceptInRange(Half.MinValue, Half.MaxValue) >= 0)
            {
                continue; // too large for float16
            }

            graph.Initializers.Remove(weight);
            graph.AddWeight(weight.Name, OnnxElementType.Float16, weight.Dimensions, halves);
            widened[weight.Name] = $"{prefix}/{weight.Name}";
            casts.Add(new OnnxNode("Cast", [weight.Name], [widened[weight.Name]], OnnxAttribute.Of("to", (long)OnnxElementType.Float)));
        }

        foreach (var inputs in graph.Nodes.Select(node => node.Inputs))
        {
            for (var i = 0; i < inputs.Count; i++)
            {
                inputs[i] = widened.GetValueOrDefault(inputs[i], inputs[i]);
            }
        }

        graph.Inputs.RemoveAll(input => widened.ContainsKey(input.Name)); // where exports before 2019 list weights
        graph.Nodes.InsertRange(0, casts);
        Weights = casts.Count;
    }
}
