namespace StableDiffusion.Tests;

/// <summary>Networks kept as ONNX Runtime has optimised them.</summary>
public sealed class GraphCacheTests : IDisposable
{
    private readonly TemporaryFolder _cache = new();
    private readonly TemporaryFolder _model = new();
    private readonly List<string> _warnings = [];

    public GraphCacheTests() => _model.Fill(Goldens.PathOf("models", "sd1-external"));

    public void Dispose()
    {
        _cache.Dispose();
        _model.Dispose();
    }

    [Fact]
    public void A_network_is_written_once_and_gives_the_same_from_there()
    {
        var plain = Run(Loader(cache: null));
        var first = Run(Loader());
        var entry = Assert.Single(GraphCacheEntry.In(_cache.Path));
        var written = File.GetLastWriteTimeUtc(entry.Network);
        var second = Run(Loader());

        // Outputs reach 2.7; the kernels are the same, chosen before the weights were written and not after.
        Assert.InRange(Differences.Largest(plain, first), 0, 1e-5);
        Assert.Equal(first, second);
        Assert.True(entry.IsWhole);
        Assert.Equal(_model.PathOf("unet/model.onnx"), entry.Source);
        Assert.Equal(written, File.GetLastWriteTimeUtc(Assert.Single(GraphCacheEntry.In(_cache.Path)).Network));
        Assert.Contains("MultiHeadAttention", OnnxGraph.Load(entry.Network).Nodes.Select(node => node.OpType));
        Assert.Empty(_warnings);
    }

    [Theory]
    [InlineData(GraphCacheEntry.WeightsName)]
    [InlineData("model.onnx")]
    [InlineData("entry.json")]
    public void An_entry_that_is_cut_off_is_made_anew(string file)
    {
        var before = Run(Loader());
        var path = Path.Combine(Assert.Single(GraphCacheEntry.In(_cache.Path)).Path, file);
        var whole = File.ReadAllBytes(path);
        File.WriteAllBytes(path, whole[..(whole.Length / 2)]);

        Assert.Equal(before, Run(Loader()));
        Assert.Equal(whole.Length, new FileInfo(path).Length);
        Assert.Empty(_warnings);
    }

    [Fact]
    public void Weights_that_change_are_optimised_anew_and_take_the_place_of_the_old()
    {
        var before = Run(Loader());
        var old = Assert.Single(GraphCacheEntry.In(_cache.Path)).Path;
        var weights = _model.PathOf("unet/model.onnx_data");
        var bytes = File.ReadAllBytes(weights);
        bytes.AsSpan(bytes.Length / 2).Clear();
        File.WriteAllBytes(weights, bytes);
        File.SetLastWriteTimeUtc(weights, DateTime.UtcNow.AddSeconds(5));

        Assert.NotEqual(before, Run(Loader()));
        Assert.NotEqual(old, Assert.Single(GraphCacheEntry.In(_cache.Path)).Path);
        Assert.Single(_cache.Names());
    }

    [Fact]
    public async Task Several_that_write_at_once_leave_one_whole_entry()
    {
        var plain = Run(Loader(cache: null));
        var all = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => Run(Loader()))));

        Assert.All(all, one => Assert.InRange(Differences.Largest(plain, one), 0, 1e-5));
        Assert.True(Assert.Single(GraphCacheEntry.In(_cache.Path)).IsWhole);
        Assert.Single(_cache.Names());
        Assert.Empty(_warnings);
    }

    [Fact]
    public void Small_networks_edited_ones_and_those_with_settings_of_the_caller_are_not_kept()
    {
        Run(Loader(new GraphCache(_cache.Path, Host(), _warnings.Add)));
        Run(Loader(), new AttentionMapsEdit());
        var host = Host(_ => { });
        Run(new NetworkLoader(ModelFolder.Open(_model.Path), host) { Cache = new GraphCache(_cache.Path, host, _warnings.Add) { SmallestBytes = 0 } });

        Assert.Empty(_cache.Names());
    }

    [Fact]
    public void A_place_that_cannot_be_written_costs_a_warning_and_nothing_else()
    {
        var file = _cache.PathOf("file");
        File.WriteAllText(file, "");

        Assert.Equal(Run(Loader(cache: null)), Run(Loader(new GraphCache(Path.Combine(file, "graphs"), Host(), _warnings.Add) { SmallestBytes = 0 })));
        Assert.Contains("could not be kept", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    private static OnnxRuntimeHost Host(Action<Microsoft.ML.OnnxRuntime.SessionOptions>? configure = null) => new(ExecutionDevice.Cpu, threads: 1, configure);

    private NetworkLoader Loader() => Loader(new GraphCache(_cache.Path, Host(), _warnings.Add) { SmallestBytes = 0 });

    private NetworkLoader Loader(GraphCache? cache) => new(ModelFolder.Open(_model.Path), Host()) { Cache = cache };

    /// <summary>What the UNet says of one row of 8x8 latents.</summary>
    private static float[] Run(NetworkLoader loader, params ReadOnlySpan<IGraphEdit> edits)
    {
        using var model = loader.Open("unet", edits);
        OnnxBuffer[] inputs = [.. model.Inputs.Select(input => model.InputBuffer(input.Key, input.Value.Dimensions.Length switch
        {
            4 => [1, 4, 8, 8],
            3 => [1, 77, input.Value.Dimensions[2]],
            var rank => [.. Enumerable.Repeat(1L, rank)],
        }))];
        foreach (var input in inputs)
        {
            for (var i = 0; i < input.Floats.Length; i++)
            {
                input.Floats[i] = MathF.Sin(i);
            }

            input.Upload();
        }

        return model.Run(inputs, [model.OutputNamed("out_sample")], CancellationToken.None)[0].Values;
    }
}
