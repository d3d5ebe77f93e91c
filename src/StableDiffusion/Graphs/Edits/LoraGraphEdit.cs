namespace StableDiffusion;

/// <summary>Puts the LoRAs of a set into one network.</summary>
/// <param name="Set">The LoRAs.</param>
/// <param name="Part">The network's folder.</param>
/// <param name="Key">Files, their stamps and strengths.</param>
internal sealed record LoraGraphEdit(LoraSet Set, string Part, string Key) : IGraphEdit
{
    public bool AppliesTo(string part) => part == Part;

    public void Apply(OnnxGraph graph) => Set.Apply(graph, Part);
}
