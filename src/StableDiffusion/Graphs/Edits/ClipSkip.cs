namespace StableDiffusion;

/// <summary>
/// Leaves out the last layers of a text encoder by rewiring its graph: exports of Stable Diffusion 1 and 2 have no outputs for
/// the hidden states between. CLIP normalises before each half of a layer, so L layers have 2L + 1 layer norms, and what norm
/// number 2k reads is hidden state k. Nothing is found by name but the graph's output.
/// </summary>
internal static class ClipSkip
{
    private const string MainOutput = "last_hidden_state";

    /// <summary>
    /// Makes the graph give the final layer norm of an earlier hidden state. Other outputs are dropped; they would be wrong.
    /// </summary>
    /// <param name="graph">A text encoder; it is sorted and changed in place.</param>
    /// <param name="skip">Layers to leave out, as diffusers' <c>clip_skip</c> counts: 0 changes nothing.</param>
    /// <exception cref="RequestException">The encoder has not as many layers.</exception>
    /// <exception cref="ModelException">The graph is not a text encoder of the known kind.</exception>
    public static void Apply(OnnxGraph graph, int skip)
    {
        if (skip == 0)
        {
            return;
        }

        var output = EncoderOutput(graph);
        var norms = FindNorms(graph, output);
        norms[^1].ReadAs(norms[2 * (LayerCount(norms) - Checked(skip, LayerCount(norms)))], graph);
        graph.Outputs.RemoveAll(o => o.Name != output);
        graph.Prune();
    }

    /// <summary>
    /// Adds the hidden state that diffusers takes for Stable Diffusion XL, the input of the layer <paramref name="skip"/> + 1 from the
    /// end before any norm, as an output, unless the export has it already. Other outputs stay.
    /// </summary>
    /// <returns>The output's name.</returns>
    /// <exception cref="RequestException">The encoder has not as many layers.</exception>
    /// <exception cref="ModelException">The graph is not a text encoder of the known kind.</exception>
    public static string AddHiddenState(OnnxGraph graph, int skip)
    {
        var norms = FindNorms(graph, EncoderOutput(graph));
        var layers = LayerCount(norms);
        var k = layers - 1 - Checked(skip, layers - 1);
        var name = $"hidden_states.{k}";
        if (graph.Outputs.TrueForAll(o => o.Name != name))
        {
            // a name inside that happens to be the same must not clash
            name = graph.FreeName(name);
            graph.Nodes.Add(new OnnxNode("Identity", [norms[2 * k].Normalised(graph)], [name]));
            graph.AddOutput(name);
        }

        return name;
    }

    private static string EncoderOutput(OnnxGraph graph) =>
        (graph.Outputs.Find(o => o.Name == MainOutput)
            ?? graph.Outputs.Find(o => o.Shape is { Count: 3 })
            ?? graph.Outputs.FirstOrDefault())?.Name
        ?? throw new ModelException($"{graph.Path} has no outputs. Download or export it again.");

    private static List<LayerNorm> FindNorms(OnnxGraph graph, string output)
    {
        var norms = LayerNorm.Find(graph, output);
        return norms.Count % 2 == 1 && norms.Count >= 3
            ? norms
            : throw new ModelException(
                $"{graph.Path} has {norms.Count} layer norms before {output}, not two a layer and a final one, "
                + "so its layers cannot be skipped. Leave out clip skip.");
    }

    private static int LayerCount(List<LayerNorm> norms) => norms.Count / 2;

    private static int Checked(int skip, int most) =>
        skip >= 0 && skip <= most
            ? skip
            : throw new RequestException(
                nameof(ImageRequest.ClipSkip),
                $"{nameof(ImageRequest.ClipSkip):name} {skip + 1} does not fit this text encoder; give 1 to {most + 1}.");
}
