using System.IO.Compression;
using System.Text.Json;

namespace StableDiffusion.Tests;

/// <summary>Pictures in other formats than PNG, and what Pillow reads of them: made by make_foreign_golden.py.</summary>
internal static class ForeignGolden
{
    private static readonly JsonElement _golden = JsonDocument.Parse(
        File.ReadAllText(Path.Combine(Repository.Root, "tests", "StableDiffusion.Tests", "Pictures", "foreign-golden.json"))).RootElement;

    /// <summary>The files that are read.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. AllNames().Where(static name => !name.StartsWith("refused", StringComparison.Ordinal))];

    /// <summary>The files of a kind that is refused.</summary>
    public static IReadOnlyList<string> RefusedNames { get; } = [.. AllNames().Except(Names)];

    /// <summary>The file's bytes.</summary>
    public static byte[] FileOf(string name) => Entry(name).GetProperty("file").GetBytesFromBase64();

    /// <summary>What Pillow reads.</summary>
    public static RgbImage PictureOf(string name)
    {
        var entry = Entry(name);
        using var inflated = new MemoryStream();
        using (var deflated = new ZLibStream(new MemoryStream(entry.GetProperty("rgb").GetBytesFromBase64()), CompressionMode.Decompress))
        {
            deflated.CopyTo(inflated);
        }

        return new RgbImage(entry.GetProperty("width").GetInt32(), entry.GetProperty("height").GetInt32(), inflated.ToArray());
    }

    /// <summary>The files of a format.</summary>
    public static IReadOnlyList<byte[]> FilesOf(PictureKind kind) =>
        [.. Names.Select(FileOf).Where(file => PictureFormats.OfContent(file) == kind)];

    private static IEnumerable<string> AllNames() => _golden.EnumerateArray().Select(static file => file.GetProperty("name").GetString()!);

    private static JsonElement Entry(string name) => _golden.EnumerateArray().Single(file => file.GetProperty("name").ValueEquals(name));
}
