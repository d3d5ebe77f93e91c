namespace StableDiffusion.Tests;

/// <summary>
/// Small pipelines of other architectures and what diffusers 0.39 makes of them: the tests' own, or the folder that STABLEDIFFUSION_GOLDENS
/// names where it is of this kind, or has such a folder.
/// </summary>
internal static class FamilyGoldens
{
    public static string Root { get; } = File.Exists(Goldens.PathOf("t5-tokens.json")) ? Goldens.Root : Goldens.Beside("families");

    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>The folder of a model of any family, or of the one that comes with the program.</summary>
    public static string ModelNamed(string name) =>
        Array.Find([PathOf("models", name), Goldens.PathOf("models", name), Path.Combine(Repository.Root, "models", name)], Directory.Exists)
        ?? throw new DirectoryNotFoundException($"There is no model {name}.");
}
