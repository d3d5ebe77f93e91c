using System.Globalization;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace StableDiffusion;

/// <summary>BERT's WordPiece tokenizer: lower case, accents off, as transformers' <c>BertTokenizer</c>.</summary>
internal sealed class WordPieceTokenizer : ITokenizer
{
    private readonly BertTokenizer _tokenizer;

    private readonly bool _stripsAccents;

    private WordPieceTokenizer(BertTokenizer tokenizer, bool stripsAccents) => (_tokenizer, _stripsAccents) = (tokenizer, stripsAccents);

    /// <summary>Reads <c>vocab.txt</c> and <c>tokenizer_config.json</c>.</summary>
    /// <exception cref="ModelException">The vocabulary is missing or none of BERT.</exception>
    public static WordPieceTokenizer Load(string folder)
    {
        var vocabulary = Path.Combine(folder, "vocab.txt");
        var config = JsonFile.ReadIfExists(Path.Combine(folder, "tokenizer_config.json"));
        var lower = config.Flag("do_lower_case") ?? true;
        try
        {
            return new WordPieceTokenizer(BertTokenizer.Create(vocabulary, new BertOptions
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

    public int? BosId => _tokenizer.ClassificationTokenId;

    public int EosId => _tokenizer.SeparatorTokenId;

    public int PadId => _tokenizer.PaddingTokenId;

    public IReadOnlyList<int> Encode(string text) =>
        _tokenizer.EncodeToIds(WithoutSurrogates(_stripsAccents ? CanonicalComposition.WithoutMarks(text) : text), addSpecialTokens: false);

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
