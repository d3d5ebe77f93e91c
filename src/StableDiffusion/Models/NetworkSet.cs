namespace StableDiffusion;

/// <summary>The networks of a model that are open: each is opened when first asked for, and stays open for the next request.</summary>
/// <param name="folder">The model.</param>
/// <param name="loader">Opens its networks.</param>
/// <param name="use">How many are open at once.</param>
internal sealed class NetworkSet(ModelFolder folder, NetworkLoader loader, NetworkUse use) : IDisposable
{
    // Threads of their own: the pool has one a core, and on two cores these would keep the tokenizer waiting that is loaded beside the text encoder.
    private static readonly TaskFactory _ahead = new(CancellationToken.None, TaskCreationOptions.LongRunning, TaskContinuationOptions.None, TaskScheduler.Default);

    private IReadOnlyList<IGraphEdit> _edits = [];
    private IConditioner? _conditioner;
    private IDenoisingNetwork? _network;
    private ILatentCodec? _codec;
    private Task<IDenoisingNetwork>? _networkAhead;
    private Task? _decoderAhead;

    public IConditioner Conditioner
    {
        get
        {
            OpenAhead();
            return _conditioner ??= folder.Family.OpenConditioner(folder, Loader);
        }
    }

    public IDenoisingNetwork Network
    {
        get
        {
            _network ??= Ended(ref _networkAhead) is { } ahead ? ahead.GetAwaiter().GetResult() : folder.Family.OpenNetwork(folder, Loader);
            return _network;
        }
    }

    /// <summary>How the codec cuts pictures into tiles.</summary>
    public VaeTiling? Tiling { get; set; }

    public ILatentCodec Codec
    {
        get
        {
            Ended(ref _decoderAhead)?.GetAwaiter().GetResult();
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
            CloseNetwork();
        }

        if (Differ(folder.Family.CodecParts))
        {
            CloseCodec();
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
        CloseNetwork();
        CloseCodec();
    }

    /// <summary>Begins to open what the later stages need while the text encoders are opened and run: what takes the longest goes first.</summary>
    private void OpenAhead()
    {
        // Edits may read files and warn, which is the caller's thread's to do.
        var now = Loader;
        if (use != NetworkUse.AllAhead || now.Edits.Count > 0)
        {
            return;
        }

        if (_network is null && _networkAhead is null)
        {
            _networkAhead = _ahead.StartNew(() => folder.Family.OpenNetwork(folder, now));
        }

        if (_codec is null)
        {
            var codec = _codec = folder.Family.OpenCodec(folder, now);
            _decoderAhead = _ahead.StartNew(codec.OpenDecoder);
        }
    }

    private void CloseNetwork()
    {
        if (Ended(ref _networkAhead) is { IsCompletedSuccessfully: true } ahead)
        {
            ahead.Result.Dispose();
        }

        Close(ref _network);
    }

    private void CloseCodec()
    {
        Ended(ref _decoderAhead);
        Close(ref _codec);
    }

    /// <summary>Waits for what was begun, whether it fails or not, and forgets it.</summary>
    private static T? Ended<T>(ref T? begun)
        where T : Task
    {
        var task = begun;
        begun = null;
        if (task is not null)
        {
            Task.WaitAny(task); // unlike Wait, without its exception
        }

        return task;
    }

    private void CloseIfSparing<T>(ref T? network)
        where T : class, IDisposable
    {
        if (use == NetworkUse.OneAtATime)
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
