namespace StableDiffusion;

/// <summary>One character of a text, and where in the text its first UTF-16 unit stands.</summary>
internal readonly record struct PlacedRune(int Value, int Start);
