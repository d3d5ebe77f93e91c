namespace StableDiffusion;

/// <summary>Gives a text encoder the hidden state that Stable Diffusion XL reads as an output, see <see cref="ClipSkip.AddHiddenState"/>.</summary>
internal sealed class HiddenStateEdit(int skip) : IGraphEdit
{
    public string Key => $"hidden state {skip}";

    /// <summary>The output's name, once the graph is edited.</summary>
    public string? Output { get; private set; }

    public bool AppliesTo(string part) => part.StartsWith("text_encoder", StringComparison.Ordinal);

    public void Apply(OnnxGraph graph) => Output = ClipSkip.AddHiddenState(graph, skip);
}
