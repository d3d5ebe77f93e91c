namespace StableDiffusion;

/// <summary>A CLIP text encoder: token ids [1, tokens] to states [1, tokens, width].</summary>
internal sealed class TextEncoder : IDisposable
{
    private readonly string _path;
    private readonly NetworkLoader _loader;
    private readonly string _part;
    private OnnxModel _model;
    private int _modelSkip;

    public TextEncoder(ModelFolder folder, string part, string tokenizerPart, NetworkLoader loader)
    {
        _path = folder.NetworkOf(part);
        _part = part;
        _loader = loader;
        Tokenizer = ClipTokenizer.Load(folder.Combine(tokenizerPart));
        Words = loader.Edits.OfType<LearntWordsEdit>().FirstOrDefault(edit => edit.AppliesTo(part))?.Words ?? LearntWords.None;
        _model = loader.Open(part);
        var fixedLength = _model.Inputs[_model.InputNamed("input_ids")].Dimensions[^1];
        Length = fixedLength > 0 ? fixedLength : Math.Min(Tokenizer.ModelMaxLength ?? folder.MaxTextLength, folder.MaxTextLength);
    }

    public ClipTokenizer Tokenizer { get; }

    /// <summary>Words that were added to those of the model.</summary>
    public LearntWords Words { get; }

    /// <summary>Tokens of one text, with start and end.</summary>
    public int Length { get; }

    /// <summary>Whether the export gives the state of every layer (SDXL); clip skip then needs no other graph.</summary>
    private bool HasHiddenStates => _model.Outputs.ContainsKey("hidden_states.0");

    /// <summary>Encodes one text.</summary>
    /// <param name="ids">As many ids as <see cref="Length"/>.</param>
    /// <param name="skip">Layers to leave out at the end, 0 for none.</param>
    /// <param name="penultimate">Whether the states come from before the last layer, without the final norm (SDXL).</param>
    /// <param name="cancellation">Stops the network.</param>
    /// <returns>States [tokens, width], the width, and the projected state of the whole text where the export gives it.</returns>
    public (float[] States, int Width, float[]? Pooled) Encode(int[] ids, int skip, bool penultimate, CancellationToken cancellation)
    {
        var graphSkip = penultimate ? 0 : skip;
        if (graphSkip != _modelSkip)
        {
            Reopen(graphSkip);
        }

        using var input = _model.InputBuffer(_model.InputNamed("input_ids"), 1, ids.Length);
        input.WriteIds(ids);
        var states = penultimate ? HiddenState(skip) : _model.OutputNamed("last_hidden_state", "text_embeddings");
        string[] outputs = penultimate && _model.Outputs.ContainsKey("text_embeds") ? [states, "text_embeds"] : [states];
        var results = _model.Run([input], outputs, cancellation);
        NumericGuard.RequireFinite(results[0].Values, _part);
        return (results[0].Values, checked((int)results[0].Shape[^1]), results.Count > 1 ? results[1].Values : null);
    }

    public void Dispose() => _model.Dispose();

    private string HiddenState(int skip)
    {
        if (!HasHiddenStates)
        {
            throw new ModelException(
                $"{_path} has no outputs hidden_states.0, hidden_states.1, …, which SDXL needs. Export it again with a current optimum.");
        }

        var layers = _model.Outputs.Keys.Count(name => name.StartsWith("hidden_states.", StringComparison.Ordinal)) - 1;
        return skip < layers
            ? $"hidden_states.{layers - 1 - skip}"
            : throw new RequestException(
                nameof(ImageRequest.ClipSkip), $"{nameof(ImageRequest.ClipSkip):name} {skip + 1} is too much for {_path}: it has {layers} layers.");
    }

    private void Reopen(int skip)
    {
        var model = skip == 0 ? _loader.Open(_part) : _loader.Open(_part, new ClipSkipEdit(skip));
        _model.Dispose();
        (_model, _modelSkip) = (model, skip);
    }
}
