namespace StableDiffusion;

/// <summary>A LoRA to apply, and how strongly.</summary>
/// <param name="Path">A .safetensors file.</param>
/// <param name="Weight">Strength in the denoising network: 1 as trained, 0 not at all; it may be negative.</param>
/// <param name="TextWeight">Strength in the text encoders.</param>
public sealed record Lora(string Path, double Weight = 1, double TextWeight = 1)
{
    /// <summary>The same strength everywhere.</summary>
    public static Lora Of(string path, double weight) => new(path, weight, weight);
}
