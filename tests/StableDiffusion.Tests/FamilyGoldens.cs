namespace StableDiffusion.Tests;

/// <summary>
/// Small pipelines of other architectures and what diffusers 0.39 makes of them: the tests' own, or the folder that STABLEDIFFUSION_GOLDENS
/// names where it is of this kind, or has such a folder.
/// </summary>
internal static class FamilyGoldens
{
    public static string Root { get; } = File.Exists(Goldens.PathOf("t5-tokens.json")) ? Goldens.Root : Goldens.Beside("families");

    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);
}
