namespace StableDiffusion;

/// <summary>The networks of a model that are open: each is opened when first asked for, and stays open for the next request.</summary>
internal sealed class NetworkSet(ModelFolder folder, NetworkLoader loader, bool oneAtATime) : IDisposable
{
    private IReadOnlyList<IGraphEdit> _edits = [];
    private IConditioner? _conditioner;
    private IDenoisingNetwork? _network;
    private ILatentCodec? _codec;

    public IConditioner Conditioner => _conditioner ??= folder.Family.OpenConditioner(folder, Loader);

    public IDenoisingNetwork Network => _network ??= folder.Family.OpenNetwork(folder, Loader);

    /// <summary>How the codec cuts pictures into tiles.</summary>
    public VaeTiling? Tiling { get; set; }

    public ILatentCodec Codec
    {
        get
        {
            _codec ??= folder.Family.OpenCodec(folder, Loader);
            _codec.Tiling = Tiling;
            return _codec;
        }
    }

    /// <summary>Opens networks as the request edits them, for callers that add edits of their own.</summary>
    public NetworkLoader PlainLoader => Loader;

    private NetworkLoader Loader => loader.With(_edits);

    /// <summary>Closes what was opened with other edits than these.</summary>
    public void Use(IReadOnlyList<IGraphEdit> edits)
    {
        var (before, after) = (Loader, loader.With(edits));
        bool Differ(params IEnumerable<string> parts) => before.KeyOf(parts) != after.KeyOf(parts);
        _edits = edits;
        if (Differ(folder.Family.ConditionerParts(folder)))
        {
            Close(ref _conditioner);
        }

        if (Differ(folder.Family.NetworkPart))
        {
            Close(ref _network);
        }

        if (Differ(folder.Family.CodecParts))
        {
            Close(ref _codec);
        }
    }

    /// <summary>Told when the texts are encoded: closes the text encoders where only one network at a time may be open.</summary>
    public void ConditionerIsDone() => CloseIfSparing(ref _conditioner);

    /// <summary>Told when the loop is through.</summary>
    public void NetworkIsDone() => CloseIfSparing(ref _network);

    /// <summary>Told when there is nothing more to encode, or to decode.</summary>
    public void CodecIsDone() => CloseIfSparing(ref _codec);

    public void Dispose()
    {
        Close(ref _conditioner);
        Close(ref _network);
        Close(ref _codec);
    }

    private void CloseIfSparing<T>(ref T? network)
        where T : class, IDisposable
    {
        if (oneAtATime)
        {
            Close(ref network);
        }
    }

    private static void Close<T>(ref T? network)
        where T : class, IDisposable
    {
        network?.Dispose();
        network = null;
    }
}
