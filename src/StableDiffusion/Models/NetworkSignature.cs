namespace StableDiffusion;

/// <summary>What a denoising network's graph insists on, read without opening it. Null where any size will do.</summary>
internal sealed record NetworkSignature
{
    private const int MostOfAnAxis = 65536;

    /// <summary>Rows of one call.</summary>
    public int? Batch { get; init; }

    /// <summary>Channels: those of the latents, or 9 with mask and masked picture for inpainting models.</summary>
    public required int InputChannels { get; init; }

    /// <summary>Height in latents.</summary>
    public int? Height { get; init; }

    /// <summary>Width in latents.</summary>
    public int? Width { get; init; }

    /// <summary>Length of the text.</summary>
    public int? Tokens { get; init; }

    /// <summary>Whether it takes time steps as integers.</summary>
    public bool WantsWholeTimesteps { get; init; }

    /// <summary>The names of all inputs.</summary>
    public IReadOnlySet<string> Inputs { get; init; } = new HashSet<string>();

    /// <summary>Whether the graph has such an input.</summary>
    public bool Wants(string input) => Inputs.Contains(input);

    /// <summary>Reads the inputs of a network over latents [rows, channels, height, width] and texts [rows, tokens, width].</summary>
    /// <param name="graph">The network.</param>
    /// <param name="sample">The input for the latents.</param>
    /// <param name="channels">Channels where the graph leaves them open.</param>
    public static NetworkSignature Read(OnnxGraph graph, string sample, int channels)
    {
        var inputs = new Dictionary<string, OnnxValue>();
        foreach (var input in graph.Inputs)
        {
            if (!inputs.TryAdd(input.Name, input))
            {
                throw new ModelException($"{graph.Path} has two inputs '{OneLine.Shorten(OneLine.Of(input.Name))}'. Download or export it again.");
            }
        }

        int? Size(string input, int axis) => inputs.GetValueOrDefault(input)?.Shape is not { } shape || axis >= shape.Count ? null
            : shape[axis] is null or <= 0 ? null
            : shape[axis] <= MostOfAnAxis ? (int?)shape[axis]
            : throw new ModelException($"{graph.Path}: the input '{input}' has the size {shape[axis]}, more than any network's. Download or export it again.");
        return new NetworkSignature
        {
            Batch = Size(sample, 0),
            InputChannels = Size(sample, 1) ?? channels,
            Height = Size(sample, 2),
            Width = Size(sample, 3),
            Tokens = Size(Conditioning.Text, 1),
            WantsWholeTimesteps = inputs.GetValueOrDefault("timestep")?.ElementType is OnnxElementType.Int64 or OnnxElementType.Int32,
            Inputs = inputs.Keys.ToHashSet(),
        };
    }
}
