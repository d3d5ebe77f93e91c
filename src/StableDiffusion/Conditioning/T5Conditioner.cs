namespace StableDiffusion;

/// <summary>
/// Texts for models that read them with CLIPs and a T5, which is most of the memory. Where one network at a time may be open, T5 encodes
/// all texts and is closed before the CLIPs are opened.
/// </summary>
internal abstract class T5Conditioner : IConditioner
{
    private readonly NetworkLoader _loader;
    private readonly string[] _clipParts;
    private readonly string? _t5Part;
    private readonly List<TextEncoder> _clips = [];
    private T5TextEncoder? _t5;

    /// <param name="folder">The model.</param>
    /// <param name="loader">Opens its networks.</param>
    /// <param name="clipParts">The folders of the CLIPs.</param>
    /// <param name="t5Part">The folder of the T5; null where the model has none.</param>
    protected T5Conditioner(ModelFolder folder, NetworkLoader loader, string[] clipParts, string? t5Part)
    {
        (Folder, _loader, _clipParts, _t5Part) = (folder, loader, clipParts, t5Part);
        try
        {
            OpenT5();
            if (!loader.OneAtATime || t5Part is null)
            {
                OpenClips();
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The model.</summary>
    protected ModelFolder Folder { get; }

    /// <summary>The only length of a text that T5's graph takes; null where any will do, or there is no T5.</summary>
    protected int? LengthOfT5 { get; private set; }

    /// <summary>The texts of one picture.</summary>
    /// <param name="ForClips">One for each CLIP.</param>
    /// <param name="ForT5">The text for T5.</param>
    /// <param name="Skip">Layers of the CLIPs to leave out, 0 for none.</param>
    protected readonly record struct Texts(string[] ForClips, string ForT5, int Skip);

    /// <summary>What T5 makes of a text: states [length, width].</summary>
    protected readonly record struct T5States(float[] Values, int Width);

    /// <summary>What a picture is of.</summary>
    protected abstract Texts Positive(ImageRequest request);

    /// <summary>What it is led away from.</summary>
    protected abstract Texts Negative(ImageRequest request);

    /// <summary>Tokens that T5 is given.</summary>
    protected abstract int LengthOf(ImageRequest request);

    /// <summary>Encodes the texts for the CLIPs and joins what all encoders say.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="plan">The request that they are of.</param>
    /// <param name="clips">The CLIPs, open.</param>
    /// <param name="t5">T5's states; null for a model without T5.</param>
    /// <param name="cancellation">Stops an encoder.</param>
    protected abstract Conditioning Join(
        Texts texts, GenerationPlan plan, IReadOnlyList<TextEncoder> clips, T5States? t5, CancellationToken cancellation);

    public IReadOnlyList<GuidedConditioning> Encode(IReadOnlyList<GenerationPlan> plans, CancellationToken cancellation)
    {
        List<(GenerationPlan Plan, Texts Positive, Texts? Negative)> told =
            [.. plans.Select(plan => (plan, Positive(plan.Request), plan.Guidance.IsOn ? Negative(plan.Request) : (Texts?)null))];

        if (_loader.OneAtATime && _t5 is null && _t5Part is not null)
        {
            CloseClips();
        }

        OpenT5();
        T5States? ForT5(Texts texts, GenerationPlan plan) => _t5?.Encode(texts.ForT5, LengthOf(plan.Request), plan.Warn, cancellation) is var (values, width)
            ? new T5States(values, width)
            : null;
        var states = told.ConvertAll(one => (Positive: ForT5(one.Positive, one.Plan), Negative: one.Negative is { } negative ? ForT5(negative, one.Plan) : null));
        if (_loader.OneAtATime)
        {
            CloseT5();
        }

        OpenClips();
        return
        [
            .. told.Zip(states, (one, t5) => new GuidedConditioning(
                Join(one.Positive, one.Plan, _clips, t5.Positive, cancellation),
                one.Negative is { } negative ? Join(negative, one.Plan, _clips, t5.Negative, cancellation).LeadingAway() : null)),
        ];
    }

    public void Dispose()
    {
        CloseClips();
        CloseT5();
    }

    private void OpenT5()
    {
        _t5 ??= _t5Part is null ? null : new T5TextEncoder(Folder, _t5Part, TokenizerOf(_t5Part), _loader);
        LengthOfT5 = _t5?.Length;
    }

    private void OpenClips()
    {
        foreach (var part in _clipParts.Skip(_clips.Count))
        {
            _clips.Add(new TextEncoder(Folder, part, TokenizerOf(part), _loader));
        }
    }

    private void CloseT5()
    {
        _t5?.Dispose();
        _t5 = null;
    }

    private void CloseClips()
    {
        _clips.ForEach(clip => clip.Dispose());
        _clips.Clear();
    }

    /// <summary><c>text_encoder_2</c> has <c>tokenizer_2</c>.</summary>
    private static string TokenizerOf(string part) => part.Replace("text_encoder", "tokenizer", StringComparison.Ordinal);
}
