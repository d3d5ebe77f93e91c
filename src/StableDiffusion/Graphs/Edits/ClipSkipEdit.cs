namespace StableDiffusion;

/// <summary>Leaves out the last layers of a text encoder, see <see cref="ClipSkip"/>.</summary>
/// <param name="Skip">Layers to leave out, 1 or more.</param>
internal sealed record ClipSkipEdit(int Skip) : IGraphEdit
{
    public string Key => $"clip_skip {Skip}";

    public bool AppliesTo(string part) => part.StartsWith("text_encoder", StringComparison.Ordinal);

    public void Apply(OnnxGraph graph) => ClipSkip.Apply(graph, Skip);
}
