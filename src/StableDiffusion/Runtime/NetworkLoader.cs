namespace StableDiffusion;

/// <summary>The one place where the networks of a model are opened: as the file has them, or with edits made to their graphs.</summary>
/// <param name="folder">The model.</param>
/// <param name="host">The device.</param>
internal sealed class NetworkLoader(ModelFolder folder, OnnxRuntimeHost host)
{
    /// <summary>Edits for every network that is opened, made in this order.</summary>
    public IReadOnlyList<IGraphEdit> Edits { get; init; } = [];

    /// <summary>Whether attention that exports spell out is fused, after all other edits (see <see cref="FusedAttentionEdit"/>).</summary>
    public AttentionKind Attention { get; init; }

    /// <summary>Whether linear layers are rounded, after everything else (see <see cref="EightBitEdit"/>).</summary>
    public WeightPrecision Precision { get; init; }

    /// <summary>Whether only one network at a time is to be open, so that who opens several closes each before the next.</summary>
    public bool OneAtATime { get; init; }

    /// <summary>Where optimised networks are kept; null where they are not.</summary>
    public GraphCache? Cache { get; init; }

    /// <summary>The same loader with further edits, made after those it has.</summary>
    public NetworkLoader With(IReadOnlyList<IGraphEdit> edits) =>
        new(folder, host) { Edits = [.. Edits, .. edits], Attention = Attention, Precision = Precision, OneAtATime = OneAtATime, Cache = Cache };

    /// <summary>Opens a part of the model.</summary>
    /// <param name="part">Its folder, such as <c>unet</c>.</param>
    /// <param name="last">Edits for this network alone, made after all others.</param>
    /// <exception cref="ModelException">The file is missing or is no such network, or an edit does not fit it.</exception>
    public OnnxModel Open(string part, params ReadOnlySpan<IGraphEdit> last)
    {
        var (fused, rounded) = (new FusedAttentionEdit(), new EightBitEdit());
        IReadOnlyList<IGraphEdit> edits = [.. Edits.Where(edit => edit.AppliesTo(part)), .. last];
        // One with edits of its own is to be looked into.
        var captures = host.CapturesRuns && part == folder.Family.NetworkPart && last.IsEmpty;
        var model = Open(folder.NetworkOf(part), edits, fused.AppliesTo(part) ? fused : null, rounded.AppliesTo(part) ? rounded : null, captures);
        foreach (var ranges in edits.OfType<ChannelRangesEdit>())
        {
            model.Tell(ranges);
        }

        return model;
    }

    /// <summary>Opens a network that is no part of the model.</summary>
    /// <exception cref="ModelException">The file is missing or is no network, or an edit does not fit it.</exception>
    public OnnxModel OpenFile(string path, params IReadOnlyList<IGraphEdit> edits) => Open(path, edits, new FusedAttentionEdit(), new EightBitEdit());

    /// <summary>What the edits of these parts are, in one text: equal texts mean equal networks.</summary>
    public string KeyOf(params IEnumerable<string> parts) =>
        string.Join('\n', parts.SelectMany(part => Edits.Where(edit => edit.AppliesTo(part)).Select(edit => $"{part}: {edit.Key}")));

    /// <summary>Makes edits, which take a graph's nodes to have the inputs and outputs that their operators need.</summary>
    private static void Apply(IEnumerable<IGraphEdit> edits, OnnxGraph graph)
    {
        try
        {
            foreach (var edit in edits)
            {
                edit.Apply(graph);
            }
        }
        catch (Exception error) when (error is ArgumentOutOfRangeException or IndexOutOfRangeException or OverflowException)
        {
            throw new ModelException($"{graph.Path} is damaged: one of its nodes lacks an input or output, or has a size that cannot be. Download or export it again.", error);
        }
    }

    /// <summary>Opens a file with edits. A file in which nothing is to be changed is left to ONNX Runtime as a whole.</summary>
    private OnnxModel Open(string path, IReadOnlyList<IGraphEdit> edits, FusedAttentionEdit? fused, EightBitEdit? rounded, bool captures = false)
    {
        fused = Attention == AttentionKind.Fused ? fused : null;
        rounded = Precision == WeightPrecision.EightBit ? rounded : null;
        var cache = edits.Count == 0 && Cache is { IsUsable: true } usable ? usable : null;
        if (edits.Count == 0 && fused is null && rounded is null && cache is null)
        {
            return OnnxModel.Open(path, host, captures);
        }

        var graph = folder.Graphs.Take(path);
        try
        {
            Apply(edits, graph);
            if (fused is not null)
            {
                Apply([fused], graph);
            }

            if (cache?.Open(graph, rounded) is { } kept)
            {
                return kept;
            }

            // Where it could not be kept after it was rounded, there is nothing left to round.
            rounded?.Apply(graph);
            var isAsInFile = edits.Count == 0 && fused is null or { Fused: 0 } && graph.Made is null && rounded is null or { Layers: 0 };
            return isAsInFile ? OnnxModel.Open(path, host, captures) : OnnxModel.Open(graph, host, captures);
        }
        finally
        {
            graph.Made?.Dispose();
        }
    }
}
