namespace StableDiffusion;

/// <summary>A T5 encoder: token ids [1, tokens] to states [1, tokens, width]. Raffel et al. (2019), arXiv 1910.10683.</summary>
internal sealed class T5TextEncoder : IDisposable
{
    private readonly string _part;
    private readonly OnnxModel _model;
    private readonly ITokenizer _tokenizer;

    public T5TextEncoder(ModelFolder folder, string part, string tokenizerPart, NetworkLoader loader)
    {
        _part = part;
        _tokenizer = T5Tokenizer.Load(folder.Combine(tokenizerPart));
        _model = loader.Open(part);
        Length = _model.Inputs[_model.InputNamed("input_ids")].Dimensions is [.., > 0 and var length] ? length : null;
    }

    /// <summary>The only length that its graph takes; null where any will do.</summary>
    public int? Length { get; }

    /// <summary>Encodes one text, cut or padded to a length; what is cut is reported.</summary>
    /// <returns>States [length, width] and the width. Padding is attended to, as in diffusers' pipelines.</returns>
    /// <exception cref="ModelException">Its graph takes another length only.</exception>
    public (float[] States, int Width) Encode(string text, int length, Action<string> warn, CancellationToken cancellation)
    {
        if (Length is { } only && only != length)
        {
            throw new ModelException($"{_part} was exported for texts of {only} tokens, the transformer for {length}; export them for the same.");
        }

        var (ids, dropped) = _tokenizer.Fit(text, length);
        if (dropped > 0)
        {
            warn($"the prompt is longer than the {length} tokens that T5 is given; its last {dropped} are left out");
        }

        using var input = _model.InputBuffer(_model.InputNamed("input_ids"), 1, length);
        input.WriteIds(ids);
        using var mask = _model.Inputs.ContainsKey("attention_mask") ? _model.InputBuffer("attention_mask", 1, length) : null;
        mask?.Floats.Fill(1);
        mask?.Upload();
        var (values, shape) = _model.Run(mask is null ? [input] : [input, mask], [_model.OutputNamed("last_hidden_state")], cancellation)[0];
        NumericGuard.RequireFinite(values, _part);
        return (values, checked((int)shape[^1]));
    }

    public void Dispose() => _model.Dispose();
}
