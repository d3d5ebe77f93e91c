namespace StableDiffusion.Tests;

/// <summary>LoRAs, embeddings and what diffusers makes of them: <c>lora</c> in the folder of the reference values, or beside it.</summary>
internal static class LoraGoldens
{
    public static string Folder { get; } = Goldens.Beside("lora");

    public static string PathOf(string name) => Path.Combine(Folder, name);
}
