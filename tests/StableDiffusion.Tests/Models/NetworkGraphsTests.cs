namespace StableDiffusion.Tests;

/// <summary>Graphs that are read once for all who look at them.</summary>
public sealed class NetworkGraphsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly NetworkGraphs _graphs = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_graph_is_read_once_for_all_who_look_at_it()
    {
        var path = Network("unet");
        Assert.Same(_graphs.Of(path), _graphs.Of(path));
    }

    [Fact]
    public void Whoever_edits_a_graph_has_it_alone()
    {
        var path = Network("unet");
        var looked = _graphs.Of(path);
        var edited = _graphs.Take(path);
        Assert.Same(looked, edited);

        edited.Nodes.Clear();
        Assert.NotEmpty(_graphs.Of(path).Nodes);
        Assert.NotEmpty(_graphs.Take(path).Nodes);
    }

    [Fact]
    public void A_file_that_changed_is_read_again()
    {
        var path = Network("unet");
        var before = _graphs.Of(path);
        File.Copy(Goldens.PathOf("models", "sd1", "vae_decoder", "model.onnx"), path, overwrite: true);
        Assert.NotEqual(before.Nodes.Count, _graphs.Of(path).Nodes.Count);

        Network("unet");
        Assert.Equal(before.Nodes.Count, _graphs.Take(path).Nodes.Count);
    }

    private string Network(string part)
    {
        File.Copy(Goldens.PathOf("models", "sd1", part, "model.onnx"), _folder.PathOf("model.onnx"), overwrite: true);
        return _folder.PathOf("model.onnx");
    }
}
