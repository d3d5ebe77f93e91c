using System.Globalization;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace StableDiffusion;

/// <summary>A BERT-like text encoder behind a WordPiece tokenizer: 77 ids to states [77, width].</summary>
internal sealed class BertConditioner : IConditioner
{
    private readonly OnnxModel _model;
    private readonly BertWords _words;
    private readonly int _length;

    public BertConditioner(ModelFolder folder, NetworkLoader loader)
    {
        _words = BertWords.Load(folder.Combine("tokenizer"));
        _model = loader.Open("text_encoder");
        var fixedLength = _model.Inputs[_model.InputNamed("input_ids")].Dimensions[^1];
        _length = fixedLength > 0 ? fixedLength : folder.MaxTextLength;
    }

    public GuidedConditioning Encode(GenerationPlan plan, Action<string> warn, CancellationToken cancellation)
    {
        var positive = Encode(plan.Request.Prompt, warn, cancellation);
        return new(positive, plan.Guidance.IsOn ? Encode(plan.Request.NegativePrompt ?? "", warn, cancellation).LeadingAway() : null);
    }

    public void Dispose() => _model.Dispose();

    private Conditioning Encode(string text, Action<string> warn, CancellationToken cancellation)
    {
        var (ids, dropped) = _words.Truncate(text, _length);
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

/// <summary>BERT's WordPiece tokenizer: lower case, accents off, as transformers' <c>BertTokenizer</c>.</summary>
internal sealed class BertWords
{
    private readonly BertTokenizer _tokenizer;

    private readonly bool _stripsAccents;

    private BertWords(BertTokenizer tokenizer, bool stripsAccents) => (_tokenizer, _stripsAccents) = (tokenizer, stripsAccents);

    /// <summary>Reads <c>vocab.txt</c> and <c>tokenizer_config.json</c>.</summary>
    /// <exception cref="ModelException">The vocabulary is missing or none of BERT.</exception>
    public static BertWords Load(string folder)
    {
        var vocabulary = Path.Combine(folder, "vocab.txt");
        var config = JsonFile.ReadIfExists(Path.Combine(folder, "tokenizer_config.json"));
        var lower = config.Flag("do_lower_case") ?? true;
        try
        {
            return new BertWords(BertTokenizer.Create(vocabulary, new BertOptions
            {
                LowerCaseBeforeTokenization = lower,
                IndividuallyTokenizeCjk = config.Flag("tokenize_chinese_chars") ?? true,
            }), config.Flag("strip_accents") ?? lower);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or InvalidOperationException)
        {
            throw new ModelException($"{vocabulary} is not a BERT vocabulary: {OneLine.Of(error.Message)}", error);
        }
    }

    /// <summary>Begin token, the text, end token, padding; and how many tokens found no room.</summary>
    public (int[] Ids, int Dropped) Truncate(string text, int length)
    {
        var all = _tokenizer.EncodeToIds(WithoutSurrogates(_stripsAccents ? CanonicalComposition.WithoutMarks(text) : text), addSpecialTokens: false);
        var kept = Math.Min(all.Count, length - 2);
        var ids = new int[length];
        Array.Fill(ids, _tokenizer.PaddingTokenId);
        ids[0] = _tokenizer.ClassificationTokenId;
        for (var i = 0; i < kept; i++)
        {
            ids[i + 1] = all[i];
        }

        ids[kept + 1] = _tokenizer.SeparatorTokenId;
        return (ids, all.Count - kept);
    }

    /// <summary>
    /// The package drops characters beyond U+FFFF, which BERT's vocabularies do not have: a letter that is no more in them stands in, so that
    /// they are unknown words, ideographs one by one.
    /// </summary>
    private static string WithoutSurrogates(string text)
    {
        const string Stranger = "\uA015";
        return string.Concat(text.EnumerateRunes().Select(rune =>
            rune.IsBmp || Rune.GetUnicodeCategory(rune) == UnicodeCategory.Format ? rune.ToString()
            : rune.Value is >= 0x20000 and <= 0x2FA1F ? $" {Stranger} "
            : Stranger));
    }
}
