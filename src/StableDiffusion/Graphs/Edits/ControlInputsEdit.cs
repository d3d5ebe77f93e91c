namespace StableDiffusion;

/// <summary>
/// Gives a UNet the inputs that control networks feed, unless its export has them: each is added to a skip connection where the second half
/// takes it in, and to the middle block's result. Names are those of diffusers' and Olive's exports.
/// </summary>
internal sealed class ControlInputsEdit : IGraphEdit
{
    public const string Middle = "mid_block_additional_residual";

    public string Key => "control inputs";

    /// <summary>The input for the skip connection that was made so many-th, from 0.</summary>
    public static string Down(int number) => $"down_block_{number}_additional_residual";

    public bool AppliesTo(string part) => part == "unet";

    public void Apply(OnnxGraph graph)
    {
        if (graph.Inputs.Exists(input => input.Name == Middle))
        {
            return;
        }

        graph.Sort();
        var connections = SkipConnections.Find(graph);
        var index = new OnnxIndex(graph);
        var type = index.ElementTypeAt(graph.Nodes.Find(node => node.OpType is "Conv" or "NhwcConv")!.Input(1));
        for (var k = 0; k < connections.Joints.Count; k++)
        {
            var (joint, skip) = connections.Joints[k];
            joint.Inputs[skip] = Sum(graph, graph.Nodes.IndexOf(joint), joint.Inputs[skip], Down(connections.Joints.Count - 1 - k), type);
        }

        var middle = connections.Middle;
        var readers = index.Readers(middle);
        var sum = Sum(graph, readers.Min(graph.Nodes.IndexOf), middle, Middle, type);
        foreach (var reader in readers)
        {
            reader.ReadInstead(middle, sum);
        }
    }

    private static string Sum(OnnxGraph graph, int place, string tensor, string input, OnnxElementType type)
    {
        var sum = graph.FreeName(input + "_sum");
        graph.Inputs.Add(new OnnxValue(input, type, rank: 4));
        graph.Nodes.Insert(place, new OnnxNode("Add", [tensor, input], [sum]));
        return sum;
    }
}
