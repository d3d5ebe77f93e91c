using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;

namespace StableDiffusion.Tests;

public sealed class WordPieceTokenizerTests
{
    /// <summary>Ids of transformers 4.57 for models/ldm-bert/tokenizer: bert-tokens.json.</summary>
    [Fact]
    public void All_texts_have_the_ids_of_transformers()
    {
        var words = WordPieceTokenizer.Load(FamilyGoldens.PathOf("models", "ldm-bert", "tokenizer"));
        var rows = JsonNode.Parse(File.ReadAllText(FamilyGoldens.PathOf("bert-tokens.json")))!.AsArray();

        Assert.NotEmpty(rows);
        Assert.All(rows, row => Assert.Equal(
            T5TokenizerTests.Numbers(row!["ids"]!), words.Fit((string)row["text"]!, row["ids"]!.AsArray().Count).Ids));
    }

    [Fact]
    public void White_space_symbols_marks_and_ideographs_have_the_ids_of_the_tokenizers_library_in_every_configuration()
    {
        var golden = TokenizerGolden.Read();
        var rows = golden["bert"]!.AsArray().ToLookup(row => row!["config"]!.ToJsonString());

        Assert.Equal(5, rows.Count);
        Assert.All(rows, config =>
        {
            var tokenizer = TokenizerGolden.Bert(golden, config.Key);
            Assert.All(config, row => Assert.Equal(T5TokenizerTests.Numbers(row!["ids"]!), tokenizer.Encode((string)row["text"]!)));
        });
    }

    [Fact]
    public void White_space_and_punctuation_part_words_and_what_is_no_letter_never_joins_them()
    {
        var tokenizer = TokenizerGolden.Bert(TokenizerGolden.Read());
        var parts = Gen.Elements("a", "cat", "\u00E9", "\u00DF", "1", "\u00A3", "\u732B", "\u2167", "\uD83D\uDE80", "\uD83D", "[SEP]", "[mask]", "hello", "\u0301", "\u00AD", "\uFFFD");
        var text = parts.ListOf().Select(static list => string.Concat(list));
        var between = Gen.Elements(" ", "\t", "\n", "\r\n", "\u00A0", "\u2028", "\u3000", "!", "$", "+", "_", "~", "`", "^", "|", "\u2014", "\u4E00");
        Prop.ForAll(text.ToArbitrary(), text.ToArbitrary(), between.ToArbitrary(), (first, second, separator) =>
            Assert.Equal(
                [.. tokenizer.Encode(first), .. tokenizer.Encode(separator), .. tokenizer.Encode(second)],
                tokenizer.Encode(first + separator + second))).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    [Fact]
    public void Special_tokens_are_called_what_the_configuration_calls_them()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder.PathOf("vocab.txt"), ["<p>", "<u>", "<s>", "</s>", "a", "<", "s", ">"]);
        File.WriteAllText(folder.PathOf("tokenizer_config.json"), """{"pad_token": "<p>", "unk_token": {"content": "<u>"}, "cls_token": "<s>", "sep_token": "</s>"}""");

        Assert.Equal([2, 4, 3, 4, 1, 5, 7, 3, 0], WordPieceTokenizer.Load(folder.Path).Fit("a</s>A b<>", 9).Ids);
    }

    [Theory]
    [InlineData("[PAD]\n[CLS]\n[SEP]\na\n", "has no \"[UNK]\", the unk_token of")]
    [InlineData("", "has no \"[UNK]\", the unk_token of")]
    [InlineData(null, "is missing")]
    public void A_vocabulary_that_lacks_what_BERT_needs_is_named(string? vocabulary, string words)
    {
        using var folder = new TemporaryFolder();
        if (vocabulary is not null)
        {
            File.WriteAllText(folder.PathOf("vocab.txt"), vocabulary);
        }

        var message = Assert.Throws<ModelException>(() => WordPieceTokenizer.Load(folder.Path)).Message;
        Assert.Contains(folder.PathOf("vocab.txt"), message, StringComparison.Ordinal);
        Assert.Contains(words, message, StringComparison.Ordinal);
    }
}
