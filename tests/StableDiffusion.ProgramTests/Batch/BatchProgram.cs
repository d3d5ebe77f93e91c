using System.Diagnostics;
using System.Security.Cryptography;

namespace StableDiffusion.Tests;

/// <summary><c>batch</c> of the built program on a small model with few steps.</summary>
internal static class BatchProgram
{
    private static readonly string[] _small = ["--model", Goldens.PathOf("models", "sd1"), "--device", "cpu", "--steps", "2", "--threads", "1"];

    /// <summary>Paints the jobs of a text to its end.</summary>
    public static SdProgram.Outcome Run(string text, params IEnumerable<string> arguments) =>
        SdProgram.Run(["batch", "-", .. _small.Take(arguments.Contains("--steps") ? 4 : _small.Length), .. arguments], workingFolder: null, text);

    public static Process Start(string file, params IEnumerable<string> arguments) =>
        SdProgram.Start(["batch", file, .. _small, .. arguments]);

    /// <summary>All pictures below a folder and what is in them.</summary>
    public static SortedDictionary<string, string> Pictures(string folder) => new(
        Directory.EnumerateFiles(folder, "*.png", SearchOption.AllDirectories)
            .ToDictionary(path => Path.GetRelativePath(folder, path), path => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path)))),
        StringComparer.Ordinal);
}
