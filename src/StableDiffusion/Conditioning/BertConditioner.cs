namespace StableDiffusion;

/// <summary>A BERT-like text encoder behind a WordPiece tokenizer: 77 ids to states [77, width].</summary>
internal sealed class BertConditioner : IConditioner
{
    private readonly OnnxModel _model;
    private readonly ITokenizer _tokenizer;
    private readonly int _length;

    public BertConditioner(ModelFolder folder, NetworkLoader loader)
    {
        _tokenizer = WordPieceTokenizer.Load(folder.Combine("tokenizer"));
        _model = loader.Open("text_encoder");
        try
        {
            var fixedLength = _model.Inputs[_model.InputNamed("input_ids")].Dimensions is [.., var last] ? last : 0;
            _length = TextEncoder.RequireRoom(fixedLength > 0 ? fixedLength : folder.MaxTextLength, folder.NetworkOf("text_encoder"));
        }
        catch
        {
            _model.Dispose();
            throw;
        }
    }

    public IReadOnlyList<GuidedConditioning> Encode(IReadOnlyList<GenerationPlan> plans, CancellationToken cancellation) =>
        [.. plans.Select(plan => Encode(plan, cancellation))];

    private GuidedConditioning Encode(GenerationPlan plan, CancellationToken cancellation)
    {
        var positive = Encode(plan.Request.Prompt, plan.Warn, cancellation);
        return new(positive, plan.Guidance.IsOn ? Encode(plan.Request.NegativePrompt ?? "", plan.Warn, cancellation).LeadingAway() : null);
    }

    public void Dispose() => _model.Dispose();

    private Conditioning Encode(string text, Action<string> warn, CancellationToken cancellation)
    {
        var (ids, dropped) = _tokenizer.Fit(text, _length);
        if (dropped > 0)
        {
            warn($"the prompt is longer than the {_length - 2} tokens the model reads; its last {dropped} are left out");
        }

        using var input = _model.InputBuffer(_model.InputNamed("input_ids"), 1, _length);
        input.WriteIds(ids);
        var (values, shape) = _model.Run([input], [_model.OutputNamed("last_hidden_state")], cancellation)[0];
        NumericGuard.RequireFinite(values, "text_encoder");
        return Conditioning.None.With(Conditioning.Text, values, _length, checked((int)shape[^1]));
    }
}
