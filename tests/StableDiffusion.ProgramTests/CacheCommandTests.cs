using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary><c>sd cache</c>, over entries as <c>--graph-cache</c> leaves them.</summary>
public sealed class CacheCommandTests : IDisposable
{
    private readonly TemporaryFolder _cache = new();

    public void Dispose() => _cache.Dispose();

    [Fact]
    public void Entries_are_listed_with_their_size_and_cleared_with_what_was_left_unfinished()
    {
        var entry = _cache.PathOf("sd/graphs/0123");
        foreach (var folder in (string[])[entry, _cache.PathOf("sd/graphs/.sd-unfinished")])
        {
            Directory.CreateDirectory(folder);
            File.WriteAllBytes(Path.Combine(folder, "model.onnx"), new byte[1000]);
            File.WriteAllBytes(Path.Combine(folder, GraphCacheEntry.WeightsName), new byte[2_000_000]);
        }

        GraphCacheEntry.At(entry).Complete("/models/sd15/unet/model.onnx", "a processor");

        var listed = JsonNode.Parse(Run("cache", "--json").Output)!;
        var network = Assert.Single(listed["networks"]!.AsArray())!;
        Assert.Equal(("/models/sd15/unet/model.onnx", entry, true), ((string)network["source"]!, (string)network["path"]!, (bool)network["whole"]!));
        Assert.InRange((long)listed["bytes"]!, 2_001_000, 2_002_000);
        Assert.Contains(" 2.00 MB  ", Assert.Single(Run("cache").OutputLines), StringComparison.Ordinal);

        Assert.EndsWith("4.00 MB free", Assert.Single(Run("cache", "clear").OutputLines), StringComparison.Ordinal);
        Assert.False(Directory.Exists(_cache.PathOf("sd/graphs")));
        Assert.Equal(0, (long)JsonNode.Parse(Run("cache", "--json").Output)!["bytes"]!);
        Assert.Equal("0 B free", Assert.Single(Run("cache", "clear").OutputLines)[^8..]);
    }

    [Fact]
    public void A_variant_that_a_model_lacks_is_refused_by_the_name_of_the_option()
    {
        var refused = Run("a cat", "-m", Goldens.PathOf("models", "sd1"), "--variant", "fp16", "-o", _cache.PathOf("x.png"));

        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("--variant fp16: ", Assert.Single(refused.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public void A_variant_that_a_model_has_is_painted_with()
    {
        var model = Path.Combine(_cache.Path, "both");
        foreach (var file in Directory.EnumerateFiles(Goldens.PathOf("models", "sd1"), "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(model, Path.GetRelativePath(Goldens.PathOf("models", "sd1"), file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        // The network of another model shows which of the two is read.
        File.Copy(Goldens.PathOf("models", "lcm", "vae_decoder", "model.onnx"), Path.Combine(model, "vae_decoder", "model_fp16.onnx"));
        string[] cat = ["a cat", "-m", model, "--device", "cpu", "-s", "3", "--steps", "2", "-q", "-o"];

        Assert.Equal(0, Run([.. cat, _cache.PathOf("plain.png")]).ExitCode);
        Assert.Equal(0, Run([.. cat, _cache.PathOf("variant.png"), "--variant", "fp16"]).ExitCode);
        File.Move(Path.Combine(model, "vae_decoder", "model_fp16.onnx"), Path.Combine(model, "vae_decoder", "model.onnx"), overwrite: true);
        Assert.Equal(0, Run([.. cat, _cache.PathOf("other.png")]).ExitCode);

        Assert.Equal(0, Differences.Largest(PngReader.Read(_cache.PathOf("other.png")).Image, PngReader.Read(_cache.PathOf("variant.png")).Image));
        Assert.NotEqual(0, Differences.Largest(PngReader.Read(_cache.PathOf("plain.png")).Image, PngReader.Read(_cache.PathOf("variant.png")).Image));
    }

    /// <summary>A text encoder that knows half a million tokens, all but a few of them never used: 64 MiB, from which on networks are kept.</summary>
    [Fact]
    public void A_large_network_is_kept_listed_and_painted_from()
    {
        _cache.Fill(Goldens.PathOf("models", "sd1"), "large");
        var encoder = _cache.PathOf("large/text_encoder/model.onnx");
        var graph = OnnxGraph.Load(encoder);
        var table = EmbeddingTable.Find(graph);
        table.Append(graph, new float[(64 << 20) / sizeof(float) / table.Width * table.Width]);
        File.WriteAllBytes(encoder, graph.ToBytes());
        string[] cat = ["a cat", "-m", _cache.PathOf("large"), "--device", "cpu", "-s", "1", "--steps", "2", "-q", "-o"];
        Assert.Equal(0, Run([.. cat, _cache.PathOf("plain.png")]).ExitCode);
        Assert.False(Directory.Exists(_cache.PathOf("sd")));

        Assert.Equal(0, Run([.. cat, _cache.PathOf("first.png"), "--graph-cache"]).ExitCode);

        var network = Assert.Single(JsonNode.Parse(Run("cache", "--json").Output)!["networks"]!.AsArray())!;
        Assert.Equal((encoder, true), ((string)network["source"]!, (bool)network["whole"]!));
        Assert.InRange((long)network["bytes"]!, 64 << 20, 72 << 20);
        Assert.EndsWith($"  {encoder}", Assert.Single(Run("cache").OutputLines), StringComparison.Ordinal);

        var weights = Path.Combine((string)network["path"]!, GraphCacheEntry.WeightsName);
        var written = File.GetLastWriteTimeUtc(weights);
        Assert.Equal(0, Run([.. cat, _cache.PathOf("second.png"), "--graph-cache"]).ExitCode);
        Assert.Equal(written, File.GetLastWriteTimeUtc(weights));

        var plain = PngReader.Read(_cache.PathOf("plain.png")).Image;
        Assert.All((string[])["first.png", "second.png"], name => Assert.InRange(Differences.Largest(PngReader.Read(_cache.PathOf(name)).Image, plain), 0, 1));
        Assert.EndsWith(" MB free", Assert.Single(Run("cache", "clear").OutputLines), StringComparison.Ordinal);
        Assert.False(Directory.Exists(_cache.PathOf("sd/graphs")));
    }

    private SdProgram.Outcome Run(params string[] arguments) =>
        SdProgram.Run(arguments, workingFolder: null, input: null, new Dictionary<string, string> { ["XDG_CACHE_HOME"] = _cache.Path });
}
