namespace StableDiffusion.Tests;

/// <summary>The exported graphs that the repository holds.</summary>
internal static class TestModels
{
    public static string Folder => Goldens.PathOf("models");

    public static string TextEncoder(string model) => Path.Combine(Folder, model, "text_encoder", "model.onnx");

    /// <summary>Every .onnx file of the reference models and of the model that comes with the program, relative to the checkout.</summary>
    public static IEnumerable<string> All { get; } =
        [.. ((string[])[Folder, Path.Combine(Repository.Root, "models")])
            .SelectMany(f => Directory.EnumerateFiles(f, "*.onnx", SearchOption.AllDirectories))
            .Order(StringComparer.Ordinal)
            .Select(f => Path.GetRelativePath(Repository.Root, f))];
}
