namespace StableDiffusion;

/// <summary>A piece of a prompt and how much it counts: 1 is as written, 1.1 a tenth more.</summary>
internal readonly record struct WeightedText(string Text, double Weight)
{
    /// <summary>Stands between two pieces where the prompt says <c>BREAK</c>.</summary>
    public static WeightedText Break { get; } = new("BREAK", -1);
}
