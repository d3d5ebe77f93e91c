namespace StableDiffusion;

/// <summary>A CLIP text encoder: token ids [1, tokens] to states [1, tokens, width].</summary>
internal sealed class TextEncoder : IDisposable
{
    private readonly string _path;
    private readonly NetworkLoader _loader;
    private readonly string _part;
    private readonly bool _hasHiddenStates;
    private OnnxModel _model;
    private IGraphEdit? _edit;

    public TextEncoder(ModelFolder folder, string part, string tokenizerPart, NetworkLoader loader)
    {
        _path = folder.NetworkOf(part);
        _part = part;
        _loader = loader;
        var tokenizer = Task.Run(() => ClipTokenizer.Load(folder.Combine(tokenizerPart))); // while the network is opened
        Words = loader.Edits.OfType<LearntWordsEdit>().FirstOrDefault(edit => edit.AppliesTo(part))?.Words ?? LearntWords.None;
        _model = loader.Open(part);
        try
        {
            Tokenizer = tokenizer.GetAwaiter().GetResult();
            _hasHiddenStates = _model.Outputs.ContainsKey("hidden_states.0");
            var fixedLength = _model.Inputs[_model.InputNamed("input_ids")].Dimensions is [.., var last] ? last : 0;
            Length = RequireRoom(fixedLength > 0 ? fixedLength : Math.Min(Tokenizer.ModelMaxLength ?? folder.MaxTextLength, folder.MaxTextLength), _path);
        }
        catch
        {
            _model.Dispose();
            throw;
        }
    }

    public ClipTokenizer Tokenizer { get; }

    /// <summary>Words that were added to those of the model.</summary>
    public LearntWords Words { get; }

    /// <summary>Tokens of one text, with start and end.</summary>
    public int Length { get; }

    /// <summary>Encodes one text.</summary>
    /// <param name="ids">As many ids as <see cref="Length"/>.</param>
    /// <param name="skip">Layers to leave out at the end, 0 for none.</param>
    /// <param name="penultimate">Whether the states come from before the last layer, without the final norm (SDXL).</param>
    /// <param name="cancellation">Stops the network.</param>
    /// <returns>States [tokens, width], the width, and the projected state of the whole text where the export gives it.</returns>
    public (float[] States, int Width, float[]? Pooled) Encode(int[] ids, int skip, bool penultimate, CancellationToken cancellation)
    {
        Reopen(penultimate ? _hasHiddenStates ? null : new HiddenStateEdit(skip) : skip > 0 ? new ClipSkipEdit(skip) : null);
        using var input = _model.InputBuffer(_model.InputNamed("input_ids"), 1, ids.Length);
        input.WriteIds(ids);
        var states = penultimate ? HiddenState(skip) : _model.OutputNamed("last_hidden_state", "text_embeddings");
        string[] outputs = penultimate && _model.Outputs.ContainsKey("text_embeds") ? [states, "text_embeds"] : [states];
        var results = _model.Run([input], outputs, cancellation);
        NumericGuard.RequireFinite(results[0].Values, _part);
        return (results[0].Values, checked((int)results[0].Shape[^1]), results.Count > 1 ? results[1].Values : null);
    }

    /// <summary>The state of a whole text, that of its end token after the last layer (<c>pooler_output</c>).</summary>
    public float[] EncodeWhole(int[] ids, CancellationToken cancellation)
    {
        Reopen(null);
        using var input = _model.InputBuffer(_model.InputNamed("input_ids"), 1, ids.Length);
        input.WriteIds(ids);
        var (values, _) = _model.Run([input], [_model.OutputNamed("pooler_output")], cancellation)[0];
        NumericGuard.RequireFinite(values, _part);
        return values;
    }

    /// <summary>The ids of a plain text, cut or padded to <see cref="Length"/>; what is cut is reported.</summary>
    public int[] Cut(string text, Action<string> warn)
    {
        var cut = Words.Truncate(Tokenizer, text, Length);
        if (cut.DroppedText.Length > 0)
        {
            warn($"the prompt is longer than the {Length - 2} tokens that {_part} reads; left out for it: \"{cut.DroppedText}\"");
        }

        return cut.Ids;
    }

    public void Dispose() => _model.Dispose();

    /// <summary>A text has at least one token between start and end.</summary>
    /// <exception cref="ModelException">It has none.</exception>
    public static int RequireRoom(int length, string path) =>
        length >= 3 ? length : throw new ModelException($"{path} reads {length} tokens at once, which leaves none for a text (max_position_embeddings, model_max_length).");

    /// <summary>The output with the state before the last layer, or before those that are left out.</summary>
    private string HiddenState(int skip)
    {
        if (_edit is HiddenStateEdit { Output: { } added })
        {
            return added;
        }

        var layers = _model.Outputs.Keys.Count(name => name.StartsWith("hidden_states.", StringComparison.Ordinal)) - 1;
        return skip < layers
            ? $"hidden_states.{layers - 1 - skip}"
            : throw new RequestException(
                nameof(ImageRequest.ClipSkip), $"{nameof(ImageRequest.ClipSkip):name} {skip + 1} is too much for {_path}: it has {layers} layers.");
    }

    /// <summary>Opens the network with another edit, or none, unless it is open so.</summary>
    private void Reopen(IGraphEdit? edit)
    {
        if (edit?.Key == _edit?.Key)
        {
            return;
        }

        var model = edit is null ? _loader.Open(_part) : _loader.Open(_part, edit);
        _model.Dispose();
        (_model, _edit) = (model, edit);
    }
}
