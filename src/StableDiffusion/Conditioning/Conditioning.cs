namespace StableDiffusion;

/// <summary>One of the things a network is told about a picture besides its latents.</summary>
/// <param name="Values">The values of one row, row-major; class labels and other whole numbers as float32, too.</param>
/// <param name="Shape">The shape of one row, without the axis of the rows: [tokens, width] for a text, empty for a single number.</param>
internal sealed record ConditioningInput(float[] Values, int[] Shape);

/// <summary>
/// What a network is told about one picture, by the names that the inputs of exported networks have: <c>encoder_hidden_states</c>
/// [tokens, width] for the text, <c>text_embeds</c> or <c>pooled_projections</c> [width] for the text as a whole, <c>time_ids</c>,
/// <c>timestep_cond</c>, <c>class_labels</c> and whatever else a family brings. A network takes the inputs that its graph has.
/// </summary>
internal sealed class Conditioning
{
    /// <summary>The input for the states of a text, token by token.</summary>
    public const string Text = "encoder_hidden_states";

    private Conditioning(IReadOnlyDictionary<string, ConditioningInput> inputs, bool leadsAway = false) => (Inputs, LeadsAway) = (inputs, leadsAway);

    /// <summary>A picture of which nothing is said.</summary>
    public static Conditioning None { get; } = new(new Dictionary<string, ConditioningInput>());

    /// <summary>By the name of the network's input.</summary>
    public IReadOnlyDictionary<string, ConditioningInput> Inputs { get; }

    /// <summary>Whether this is what a picture is led away from, for those who treat the two apart.</summary>
    public bool LeadsAway { get; }

    /// <summary>The same as what a picture is led away from.</summary>
    public Conditioning LeadingAway() => new(Inputs, leadsAway: true);

    /// <summary>The same with one thing more, or another.</summary>
    public Conditioning With(string name, float[] values, params ReadOnlySpan<int> shape) =>
        new(new Dictionary<string, ConditioningInput>(Inputs) { [name] = new(values, shape.ToArray()) }, LeadsAway);

    /// <summary>
    /// Whether both can be rows of one call: rows have one shape, and padding a short text would change its picture.
    /// </summary>
    public bool SharesCallsWith(Conditioning other) =>
        Inputs.Count == other.Inputs.Count
        && Inputs.All(input => other.Inputs.TryGetValue(input.Key, out var like) && input.Value.Shape.AsSpan().SequenceEqual(like.Shape));
}

/// <summary>What the network is told for a picture, and, where guidance is on, for what the picture is to be led away from.</summary>
/// <param name="Positive">The prompt.</param>
/// <param name="Negative">The negative prompt; null where guidance is off.</param>
internal sealed record GuidedConditioning(Conditioning Positive, Conditioning? Negative)
{
    /// <summary>Whether both pictures can be painted in the same calls of the network.</summary>
    public bool SharesCallsWith(GuidedConditioning other) =>
        Positive.SharesCallsWith(other.Positive)
        && (Negative is null ? other.Negative is null : other.Negative is not null && Negative.SharesCallsWith(other.Negative));
}
