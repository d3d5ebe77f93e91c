using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion.Tests;

public class OnnxGraphTests
{
    public static TheoryData<string> Models => [.. TestModels.All];

    [Theory]
    [MemberData(nameof(Models))]
    public void A_graph_opened_again_computes_exactly_the_same_as_read_or_sorted_and_pruned(string model)
    {
        var path = Path.Combine(Repository.Root, model);
        var tidied = OnnxGraph.Load(path);
        tidied.Sort();
        tidied.Prune();
        using var original = TestSession.Open(path);
        var expected = TestSession.Run(original, seed: 1);

        foreach (var graph in (OnnxGraph[])[OnnxGraph.Load(path), tidied])
        {
            using var again = TestSession.Open(graph);
            var actual = TestSession.Run(again, seed: 1);

            Assert.Equal(expected.Keys, actual.Keys);
            Assert.All(expected, o => Assert.Equal(o.Value, actual[o.Key]));
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Weights_stay_in_their_file(string model)
    {
        var bytes = File.ReadAllBytes(Path.Combine(Repository.Root, model));
        var graph = OnnxGraph.Load(Path.Combine(Repository.Root, model));
        var inFile = graph.Initializers.Where(i => i.File is not null).ToList();

        Assert.All(graph.Initializers.Except(inFile), i => Assert.InRange(i.InlineBytes().Length, 0, OnnxGraph.SmallestExternalBytes - 1));
        Assert.All(inFile, i => Assert.Equal(i.File!.Length, graph.ReadBytes(i).Length));

        // an entry takes under 100 bytes
        var left = bytes.Length - inFile.Where(i => i.File!.Location == "model.onnx").Sum(i => i.File!.Length!.Value - 100);
        Assert.InRange(graph.ToBytes().Length, 1, left);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void A_file_parsed_whole_and_written_unchanged_is_the_same_file(string model)
    {
        var bytes = File.ReadAllBytes(Path.Combine(Repository.Root, model));

        // as spans: xunit would compare the millions of bytes one by one
        Assert.True(OnnxGraph.Parse(bytes).ToBytes().AsSpan().SequenceEqual(bytes));
    }

    [Fact]
    public void Weights_read_from_their_file_are_those_in_the_graph()
    {
        var path = TestModels.TextEncoder("sd1");
        var inFile = OnnxGraph.Load(path);
        var inMemory = OnnxGraph.Parse(File.ReadAllBytes(path));

        Assert.All(
            inFile.Initializers.Zip(inMemory.Initializers),
            p => Assert.Equal(p.Second.InlineBytes(), inFile.ReadBytes(p.First)));
    }

    [Fact]
    public void A_graph_tells_its_inputs_outputs_and_types()
    {
        var graph = OnnxGraph.Load(TestModels.TextEncoder("sd1-fp16"));

        var ids = Assert.Single(graph.Inputs);
        Assert.Equal(("input_ids", OnnxElementType.Int64, 2), (ids.Name, ids.ElementType, ids.Shape!.Count));
        Assert.Contains(graph.Outputs, o => o is { Name: "last_hidden_state", ElementType: OnnxElementType.Float16, Shape.Count: 3 });
        Assert.InRange(graph.OpsetVersion(), 14, 30);
        Assert.Equal(0, graph.OpsetVersion("no.such.domain"));
        var tokens = graph.Initializers.Single(i => i.Name == "text_model.embeddings.token_embedding.weight");
        Assert.Equal((OnnxElementType.Float16, 2514L), (tokens.ElementType, tokens.Dimensions[0]));
    }

    [Fact]
    public void The_old_weights_pb_file_stays_where_it_is()
    {
        using var folder = new TestFolder();
        var external = TestModels.TextEncoder("sd1-external");
        File.Copy(external + "_data", folder.PathOf("weights.pb"));
        var renamed = OnnxGraph.Load(external);
        foreach (var weight in renamed.Initializers.Where(i => i.File is { Location: "model.onnx_data" }))
        {
            weight.PointTo(weight.File! with { Location = "weights.pb" });
        }

        File.WriteAllBytes(folder.PathOf("model.onnx"), renamed.ToBytes());
        var graph = OnnxGraph.Load(folder.PathOf("model.onnx"));
        using var session = TestSession.Open(graph);
        using var original = TestSession.Open(external);

        Assert.Contains(graph.Initializers, i => i.File is { Location: "weights.pb" });
        Assert.DoesNotContain(graph.Initializers, i => i.File is { Location: not "weights.pb" });
        Assert.Equal(TestSession.Run(original, seed: 3), TestSession.Run(session, seed: 3));
    }

    [Theory]
    [InlineData("sd1")]
    [InlineData("sd1-external")]
    public void Weights_behind_the_links_of_a_download_cache_are_found(string model)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need a privilege on Windows.");
        using var cache = new TestFolder();
        Directory.CreateDirectory(cache.PathOf("blobs"));
        Directory.CreateDirectory(cache.PathOf("snapshots", "abc", "text_encoder"));
        foreach (var file in Directory.EnumerateFiles(Path.GetDirectoryName(TestModels.TextEncoder(model))!, "model.onnx*"))
        {
            var blob = Path.GetFileName(file).Length.ToString();
            File.Copy(file, cache.PathOf("blobs", blob));
            File.CreateSymbolicLink(cache.PathOf("snapshots", "abc", "text_encoder", Path.GetFileName(file)), $"../../../blobs/{blob}");
        }

        // a link to the snapshot from elsewhere: its files' relative links must still lead to the blobs
        Directory.CreateDirectory(cache.PathOf("mine"));
        Directory.CreateSymbolicLink(cache.PathOf("mine", "model"), cache.PathOf("snapshots", "abc"));
        using var original = TestSession.Open(TestModels.TextEncoder(model));
        var expected = TestSession.Run(original, seed: 4);

        foreach (var path in (string[])[cache.PathOf("snapshots", "abc"), cache.PathOf("mine", "model")])
        {
            using var session = TestSession.Open(OnnxGraph.Load(Path.Combine(path, "text_encoder", "model.onnx")));
            Assert.Equal(expected, TestSession.Run(session, seed: 4));
        }
    }

    [Fact]
    public void A_link_to_weights_anywhere_else_is_not_followed()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need a privilege on Windows.");
        using var model = new TestFolder();
        using var elsewhere = new TestFolder();
        File.Copy(TestModels.TextEncoder("sd1-external"), model.PathOf("model.onnx"));
        File.Copy(TestModels.TextEncoder("sd1-external") + "_data", elsewhere.PathOf("secret"));
        File.CreateSymbolicLink(model.PathOf("model.onnx_data"), elsewhere.PathOf("secret"));
        var graph = OnnxGraph.Load(model.PathOf("model.onnx"));

        Assert.Equal(model.Path, graph.Folder);
        Assert.Throws<OnnxRuntimeException>(() => TestSession.Open(graph));
    }

    [Fact]
    public void Weights_outside_the_folder_of_the_model_are_refused()
    {
        var graph = OnnxGraph.Load(TestModels.TextEncoder("sd1"));
        var weight = graph.Initializers.First(i => i.File is not null);
        weight.PointTo(new OnnxFileRange("../unet/model.onnx", 0, 4096));

        Assert.Throws<ModelException>(() => graph.ReadBytes(weight));
        Assert.Throws<OnnxRuntimeException>(() => TestSession.Open(graph));
    }

    [Fact]
    public void A_file_that_is_not_there_or_no_model_is_named_in_one_line()
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder.PathOf("pointer.onnx"), "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1720\n");
        File.WriteAllBytes(folder.PathOf("half.onnx"), File.ReadAllBytes(TestModels.TextEncoder("sd1"))[..200_000]);
        File.WriteAllBytes(folder.PathOf("empty.onnx"), []);

        foreach (var name in (string[])["missing.onnx", "pointer.onnx", "half.onnx", "empty.onnx"])
        {
            var e = Assert.Throws<ModelException>(() => OnnxGraph.Load(folder.PathOf(name)));
            Assert.Contains(name, e.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', e.Message);
        }
    }
}
