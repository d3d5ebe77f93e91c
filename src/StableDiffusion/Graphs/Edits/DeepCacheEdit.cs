namespace StableDiffusion;

/// <summary>
/// Makes what a U-Net's outer layers are given from further in an output, <see cref="Feature"/>: the deep input of the joint with the
/// skip connection that is the <paramref name="Branch"/>-th from the outermost.
/// </summary>
internal sealed record DeepCacheEdit(int Branch) : IGraphEdit
{
    public const string Feature = "deep_cache_feature";

    public string Key => $"deep cache {Branch}";

    public bool AppliesTo(string part) => part == "unet";

    public void Apply(OnnxGraph graph)
    {
        graph.Sort();
        var joints = SkipConnections.Find(graph).Joints;
        if (Branch >= joints.Count)
        {
            throw new RequestException(
                nameof(ImageRequest.DeepCache), $"{nameof(ImageRequest.DeepCache):name}: there is no branch {Branch}; {graph.Path} has 0 to {joints.Count - 1}.");
        }

        var (joint, skip) = joints[^(Branch + 1)];
        var (feature, index) = (joint.Inputs[1 - skip], new OnnxIndex(graph));
        var maker = index.Producer(feature)!;
        maker.Outputs[maker.Outputs.IndexOf(feature)] = Feature;
        foreach (var reader in index.Readers(feature))
        {
            reader.ReadInstead(feature, Feature);
        }

        graph.ValueInfos.RemoveAll(value => value.Name == feature);
        graph.AddOutput(Feature);
    }
}

/// <summary>Leaves of a U-Net with <see cref="DeepCacheEdit"/> only the layers around the feature, which becomes an input: a small part of its weights.</summary>
internal sealed record ShallowEdit(int Branch) : IGraphEdit
{
    public string Key => $"shallow {Branch}";

    public bool AppliesTo(string part) => part == "unet";

    public void Apply(OnnxGraph graph)
    {
        var joints = SkipConnections.Find(graph).Joints;
        var index = new OnnxIndex(graph);
        var type = index.ElementTypeAt(graph.Nodes.Find(node => node.OpType is "Conv" or "NhwcConv")!.Input(1));
        var maker = index.Producer(DeepCacheEdit.Feature)!;
        maker.Outputs[maker.Outputs.IndexOf(DeepCacheEdit.Feature)] = graph.FreeName("deep_cache_cut");
        graph.Inputs.Add(new OnnxValue(DeepCacheEdit.Feature, type, rank: 4));
        graph.ValueInfos.RemoveAll(value => value.Name == DeepCacheEdit.Feature);

        // Other outputs stay where the shallow part has them anyway.
        var needed = new OnnxIndex(graph).Ancestors(graph.Outputs[0].Name);
        graph.Outputs.RemoveAll(output => output.Name == DeepCacheEdit.Feature || !needed.Contains(output.Name));
        graph.Prune();
        if (joints.Count(joint => graph.Nodes.Contains(joint.Node)) != Branch + 1)
        {
            throw new ModelException($"{graph.Path}: its outer layers read more of the inner ones than one feature, so it cannot be run without them.");
        }
    }
}
