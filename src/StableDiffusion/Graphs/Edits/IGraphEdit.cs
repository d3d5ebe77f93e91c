namespace StableDiffusion;

/// <summary>
/// A change to a network's graph that is made in memory before its session opens: layers left out, weights added, attention fused,
/// further inputs and outputs. Nothing is written to the model's folder.
/// </summary>
internal interface IGraphEdit
{
    /// <summary>
    /// Names the edit with all that it depends on (settings, contents of files), so that equal keys mean equal graphs: networks stay
    /// open, and optimised graphs stay cached, for as long as their edits' keys stay the same.
    /// </summary>
    string Key { get; }

    /// <summary>Whether the edit changes this part of a model, such as <c>unet</c> or <c>text_encoder_2</c>.</summary>
    bool AppliesTo(string part);

    /// <summary>Changes the graph in place.</summary>
    /// <exception cref="ModelException">The graph is not of the kind that the edit knows.</exception>
    /// <exception cref="RequestException">What is asked for does not fit the graph.</exception>
    void Apply(OnnxGraph graph);
}
