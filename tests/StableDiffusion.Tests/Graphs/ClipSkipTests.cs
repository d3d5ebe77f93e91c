using System.Text.Json;
using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion.Tests;

public class ClipSkipTests
{
    // what ONNX Runtime and PyTorch may differ by on these encoders, whose values reach 4
    private const double Tolerance = 1e-4;

    // measured 3.8e-3 with float16 weights and sums, as far as without any layer left out; the others 1.2e-6
    private const double HalfTolerance = 8e-3;

    /// <summary>Prompts without weights, which would change the embeddings after the encoder, and with clip skip. The file counts as
    /// AUTOMATIC1111's webui does: 1 leaves out nothing.</summary>
    private static readonly Row[] _rows = [.. ReadRows().Where(r => r.Skip > 0)];

    [Theory]
    [InlineData("sd1", Tolerance)]
    [InlineData("sd1-external", Tolerance)]
    [InlineData("sd1-legacy", Tolerance)]
    [InlineData("sd1-static", Tolerance)]
    [InlineData("sd1-fp16", HalfTolerance)]
    [InlineData("sd1-fp16-io32", HalfTolerance)]
    public void Embeddings_are_those_of_PyTorch(string model, double tolerance)
    {
        Assert.Contains(_rows, r => r.Skip == 1);
        Assert.Contains(_rows, r => r.Skip == 2);
        foreach (var row in _rows)
        {
            using var session = OpenSkipped(OnnxGraph.Load(TestModels.TextEncoder(model)), row.Skip);
            Assert.Equal(["last_hidden_state"], session.OutputNames);
            Assert.InRange(Difference(session, row), 0, tolerance);
        }
    }

    [Theory]
    [InlineData("sd1")]
    [InlineData("sd1-legacy")]
    [InlineData("sd1-fp16")]
    public void Names_do_not_matter(string model)
    {
        var row = _rows[0];
        using var named = OpenSkipped(OnnxGraph.Load(TestModels.TextEncoder(model)), row.Skip);
        using var stripped = OpenSkipped(TestGraphs.Strip(OnnxGraph.Load(TestModels.TextEncoder(model)), seed: 5), row.Skip);

        Assert.Equal(TestSession.Encode(named, row.Ids[0]), TestSession.Encode(stripped, row.Ids[0]));
    }

    [Fact]
    public void Layer_norms_written_out_as_before_operator_set_17_are_found()
    {
        foreach (var row in _rows)
        {
            var graph = TestGraphs.WriteOutLayerNorms(OnnxGraph.Load(TestModels.TextEncoder("sd1")));
            Assert.DoesNotContain(graph.Nodes, n => n.OpType == "LayerNormalization");
            using var session = OpenSkipped(TestGraphs.Strip(graph, seed: 6), row.Skip);
            Assert.InRange(Difference(session, row), 0, Tolerance);
        }
    }

    /// <summary>Optimisers fuse an addition into the norm behind it where they can: any of the last six norms, or none.</summary>
    [Theory]
    [InlineData(0b000000)]
    [InlineData(0b111111)]
    [InlineData(0b100000)]
    [InlineData(0b011111)]
    [InlineData(0b101010)]
    [InlineData(0b110101)]
    public void Layer_norms_fused_with_the_addition_before_them_are_found(int fused)
    {
        for (var skip = 1; skip <= 3; skip++)
        {
            var graph = TestGraphs.FuseLayerNorms(OnnxGraph.Load(TestModels.TextEncoder("sd1")), fused);
            Assert.Equal(int.PopCount(fused), graph.Nodes.Count(n => n.OpType == "SkipLayerNormalization"));
            using var session = OpenSkipped(TestGraphs.Strip(graph, seed: 9), skip);
            using var plain = OpenSkipped(OnnxGraph.Load(TestModels.TextEncoder("sd1")), skip);
            var expected = TestSession.Encode(plain, _rows[0].Ids[0]);
            Assert.InRange(TestSession.Difference(expected, TestSession.Encode(session, _rows[0].Ids[0])), 0, 1e-5);

            foreach (var row in _rows.Where(r => r.Skip == skip))
            {
                Assert.InRange(Difference(session, row), 0, Tolerance);
            }
        }
    }

    [Fact]
    public void The_model_that_comes_with_the_program_can_leave_out_layers()
    {
        var path = Path.Combine(Repository.Root, "models", "emoji-256", "text_encoder", "model.onnx");
        var ids = _rows[0].Ids[0].Select(i => i % 100).ToArray();
        using var whole = TestSession.Open(path);
        using var skipped = OpenSkipped(OnnxGraph.Load(path), 1);
        var (a, b) = (TestSession.Encode(whole, ids), TestSession.Encode(skipped, ids));

        Assert.Equal(a.Length, b.Length);
        Assert.All(b, v => Assert.True(float.IsFinite(v)));
        Assert.NotEqual(a, b);
    }

    [Fact]
    public void What_is_left_out_is_not_run()
    {
        var graph = OnnxGraph.Load(TestModels.TextEncoder("sd1"));
        var counts = Enumerable.Range(0, 4).Select(skip =>
        {
            var skipped = OnnxGraph.Load(TestModels.TextEncoder("sd1"));
            ClipSkip.Apply(skipped, skip);
            return (skipped.Nodes.Count, skipped.Initializers.Count);
        }).ToList();

        Assert.Equal((graph.Nodes.Count, graph.Initializers.Count), counts[0]);
        Assert.All(counts.Zip(counts.Skip(1)), p => Assert.True(p.Second.Item1 < p.First.Item1 && p.Second.Item2 < p.First.Item2));
    }

    [Fact]
    public void Zero_changes_nothing()
    {
        var graph = OnnxGraph.Load(TestModels.TextEncoder("sd1"));
        var before = graph.ToBytes();
        ClipSkip.Apply(graph, 0);

        Assert.Equal(before, graph.ToBytes());
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(99)]
    public void More_layers_than_there_are_cannot_be_left_out(int skip)
    {
        var e = Assert.Throws<RequestException>(() => ClipSkip.Apply(OnnxGraph.Load(TestModels.TextEncoder("sd1")), skip));

        // --clip-skip counts from 1: the last layer, none left out.
        Assert.Equal($"ClipSkip {skip + 1} does not fit this text encoder; give 1 to 4.", e.Message);
    }

    [Fact]
    public void A_graph_that_is_no_text_encoder_is_refused()
    {
        var vae = OnnxGraph.Load(Path.Combine(TestModels.Folder, "sd1", "vae_decoder", "model.onnx"));

        Assert.Throws<ModelException>(() => ClipSkip.Apply(vae, 1));
    }

    [Theory]
    [InlineData("text_encoder")]
    [InlineData("text_encoder_2")]
    public void Hidden_states_that_an_export_lacks_can_be_added(string encoder)
    {
        var path = Path.Combine(TestModels.Folder, "sdxl", encoder, "model.onnx");
        using var original = TestSession.Open(path);
        var expected = TestSession.Run(original, seed: 7);
        var layers = original.OutputNames.Count(n => n.StartsWith("hidden_states.", StringComparison.Ordinal)) - 1;

        for (var skip = 0; skip < layers; skip++)
        {
            var graph = OnnxGraph.Load(path);
            graph.Outputs.RemoveAll(o => o.Name.StartsWith("hidden_states.", StringComparison.Ordinal));
            TestGraphs.Strip(graph, seed: 8);
            var name = ClipSkip.AddHiddenState(graph, skip);
            using var session = TestSession.Open(graph);
            var actual = TestSession.Run(session, seed: 7);

            Assert.Equal(expected[$"hidden_states.{layers - 1 - skip}"], actual[name]);
            Assert.Equal(expected["last_hidden_state"], actual["last_hidden_state"]);
        }
    }

    [Fact]
    public void Hidden_states_that_an_export_has_are_used_as_they_are()
    {
        var graph = OnnxGraph.Load(Path.Combine(TestModels.Folder, "sdxl", "text_encoder", "model.onnx"));
        var (nodes, outputs) = (graph.Nodes.Count, graph.Outputs.Count);

        var states = graph.Outputs.Count(o => o.Name.StartsWith("hidden_states.", StringComparison.Ordinal));

        // diffusers: hidden_states[-2]
        Assert.Equal($"hidden_states.{states - 2}", ClipSkip.AddHiddenState(graph, 0));
        Assert.Equal((nodes, outputs), (graph.Nodes.Count, graph.Outputs.Count));
    }

    private static InferenceSession OpenSkipped(OnnxGraph graph, int skip)
    {
        ClipSkip.Apply(graph, skip);
        return TestSession.Open(graph);
    }

    private static double Difference(InferenceSession session, Row row)
    {
        var actual = row.Ids.SelectMany(chunk => TestSession.Encode(session, chunk)).ToArray();
        Assert.Equal(row.Embeddings.Length, actual.Length);
        return TestSession.Difference(row.Embeddings, actual);
    }

    private static IEnumerable<Row> ReadRows()
    {
        using var file = JsonDocument.Parse(File.ReadAllBytes(Goldens.PathOf("prompts", "prompts.json")));
        foreach (var row in file.RootElement.EnumerateArray())
        {
            if (row.GetProperty("model").GetString() == "sd1"
                && row.TryGetProperty("embeddings", out var embeddings)
                && row.GetProperty("multipliers").EnumerateArray().All(c => c.EnumerateArray().All(m => m.GetDouble() == 1)))
            {
                yield return new Row(
                    row.GetProperty("clip_skip").GetInt32() - 1,
                    [.. row.GetProperty("ids").EnumerateArray().Select(c => c.EnumerateArray().Select(i => i.GetInt32()).ToArray())],
                    NpyFile.Read(Goldens.PathOf("prompts", embeddings.GetString()!)).Values);
            }
        }
    }

    private sealed record Row(int Skip, int[][] Ids, float[] Embeddings);
}
