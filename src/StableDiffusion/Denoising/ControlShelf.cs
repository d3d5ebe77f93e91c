namespace StableDiffusion;

/// <summary>The control networks that are open: kept for the next request as long as it names them.</summary>
internal sealed class ControlShelf(ModelFolder folder, NetworkLoader loader, bool oneAtATime) : IDisposable
{
    private readonly Dictionary<(string Path, bool IsSeamless), ControlNetwork> _open = [];

    /// <summary>The network with the controls of a request around it.</summary>
    /// <exception cref="RequestException">A control network is not there.</exception>
    /// <exception cref="ModelException">A control network cannot be opened.</exception>
    public IDenoisingNetwork Around(IDenoisingNetwork network, ImageRequest request)
    {
        var wanted = request.Controls.Select(control => (Path: PathOf(control), request.Seamless)).ToList();
        foreach (var (key, unused) in _open.Where(one => !wanted.Contains(one.Key)).ToList())
        {
            unused.Dispose();
            _open.Remove(key);
        }

        return wanted.Count == 0
            ? network
            : Around(network, [.. wanted.Zip(request.Controls, (key, control) => (Opened(key), control))], request.GuessMode);
    }

    /// <summary>StableDiffusionControlNetPipeline of diffusers goes by the first of several.</summary>
    private ControlledNetwork Around(IDenoisingNetwork network, IReadOnlyList<(ControlNetwork Network, Control Control)> controls, bool guess) =>
        new(network, controls, guess || controls[0].Network.IsPooled, folder.PixelsPerLatent);

    /// <summary>Refuses a request whose control networks are not there.</summary>
    public void Require(ImageRequest request) => request.Controls.ToList().ForEach(control => PathOf(control));

    /// <summary>Told when the loop is through.</summary>
    public void IsDone()
    {
        if (oneAtATime)
        {
            Dispose();
        }
    }

    public void Dispose()
    {
        foreach (var network in _open.Values)
        {
            network.Dispose();
        }

        _open.Clear();
    }

    private string PathOf(Control control)
    {
        string[] places =
        [
            control.Model,
            Path.Combine(control.Model, "model.onnx"),
            folder.Combine(control.Model),
            folder.Combine(control.Model, "model.onnx"),
        ];
        return Array.Find(places, File.Exists) ?? throw new RequestException(
            $"there is no control network {OneLine.Quote(control.Model)}: give a folder with model.onnx in it, or the name of one in {OneLine.Quote(folder.Path)}.");
    }

    /// <summary>What a control network adds must continue at the opposite edge where the picture does.</summary>
    private ControlNetwork Opened((string Path, bool IsSeamless) key)
    {
        if (!_open.TryGetValue(key, out var network))
        {
            var config = JsonFile.ReadIfExists(Path.Combine(Path.GetDirectoryName(key.Path)!, "config.json"));
            var isPooled = config.Flag("global_pool_conditions") ?? false;
            _open[key] = network = new ControlNetwork(loader.OpenFile(key.Path, key.IsSeamless ? [new CircularPaddingEdit()] : []), isPooled);
        }

        return network;
    }
}
