using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary>Ids of the fast T5 tokenizer of transformers 4.57 for goldens/families/t5-tokenizer: t5-tokens.json.</summary>
public sealed class T5TokenizerTests
{
    private static JsonArray Rows { get; } = JsonNode.Parse(File.ReadAllText(FamilyGoldens.PathOf("t5-tokens.json")))!.AsArray();

    [Theory]
    [InlineData("tokenizer.json")]
    [InlineData("spiece.model")]
    public void All_texts_have_the_ids_of_transformers(string file)
    {
        using var folder = new TemporaryFolder();
        File.Copy(FamilyGoldens.PathOf("t5-tokenizer", file), Path.Combine(folder.Path, file));
        var tokenizer = T5Tokenizer.Load(folder.Path);

        Assert.NotEmpty(Rows);
        Assert.All(Rows, row =>
        {
            var text = (string)row!["text"]!;
            Assert.Equal(Numbers(row["ids"]!), (int[])[.. tokenizer.Encode(text), tokenizer.EosId]);
            Assert.Equal(Numbers(row["padded"]!), tokenizer.Fit(text, row["padded"]!.AsArray().Count).Ids);
        });
    }

    [Fact]
    public void Words_are_cut_as_the_file_s_pre_tokenizer_says()
    {
        using var folder = new TemporaryFolder();
        var rows = TokenizerGolden.Read()["t5"]!.AsArray();

        Assert.NotEmpty(rows);
        Assert.All(rows, row =>
        {
            var file = JsonNode.Parse(File.ReadAllText(FamilyGoldens.PathOf("t5-tokenizer", "tokenizer.json")))!;
            file["pre_tokenizer"] = row!["pre_tokenizer"]?.DeepClone();
            file["normalizer"] = (string?)row["normalizer"] switch
            {
                "whole" => file["normalizer"]!.DeepClone(),
                "first" => file["normalizer"]!["normalizers"]![0]!.DeepClone(),
                _ => null,
            };
            File.WriteAllText(folder.PathOf("tokenizer.json"), file.ToJsonString());
            var tokenizer = T5Tokenizer.Load(folder.Path);

            Assert.All(row["texts"]!.AsArray(), text => Assert.Equal(Numbers(text!["ids"]!), tokenizer.Encode((string)text["text"]!)));
        });
    }

    [Theory]
    [InlineData("""{"type": "ByteLevel"}""", "its pre-tokenizer ByteLevel is not known")]
    [InlineData("""{"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Digits"}]}""", "its pre-tokenizer Digits is not known")]
    [InlineData("""{"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "last"}""", "its prepend_scheme last is not known")]
    [InlineData("""{"type": "Metaspace", "replacement": "\u2581", "add_prefix_space": false}""", "is not what add_prefix_space says")]
    [InlineData("""{"type": "Metaspace", "replacement": "_"}""", "its words begin with another character")]
    public void A_pre_tokenizer_that_is_not_known_is_named(string preTokenizer, string words)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.PathOf("tokenizer.json"), $$"""
            {"model": {"type": "Unigram", "unk_id": 0, "vocab": [["a", 0]]}, "added_tokens": [], "normalizer": null, "pre_tokenizer": {{preTokenizer}}}
            """);

        var message = Assert.Throws<ModelException>(() => T5Tokenizer.Load(folder.Path)).Message;

        Assert.StartsWith(folder.PathOf("tokenizer.json"), message, StringComparison.Ordinal);
        Assert.Contains(words, message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_file_is_named()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "spiece.model");
        var whole = File.ReadAllBytes(FamilyGoldens.PathOf("t5-tokenizer", "spiece.model"));
        foreach (var length in (int[])[0, 1, 10, 1000, whole.Length - 3])
        {
            File.WriteAllBytes(file, whole[..length]);
            Assert.Contains(file, Assert.Throws<ModelException>(() => T5Tokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("{\"model\":{\"type\":\"BPE\"}}")]
    [InlineData("{\"model\":{\"type\":\"Unigram\",\"unk_id\":9,\"vocab\":[[\"a\",0]]},\"added_tokens\":[],\"normalizer\":null}")]
    public void A_file_that_is_no_unigram_model_is_named(string json)
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "tokenizer.json");
        File.WriteAllText(file, json);

        Assert.Contains(file, Assert.Throws<ModelException>(() => T5Tokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    /// <summary>unicodedata.normalize('NFKC', 'ﬁne ①２ Å ﾊﾟ ½') is 'fine 12 Å パ 1⁄2'.</summary>
    [Fact]
    public void Normalization_of_form_KC_is_done_without_a_map_too()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(Path.Combine(folder.Path, "tokenizer.json"), WithNormalizer("""{"type": "NFKC"}"""));
        var tokenizer = T5Tokenizer.Load(folder.Path);
        File.WriteAllText(Path.Combine(folder.Path, "tokenizer.json"), WithNormalizer("null"));
        var plain = T5Tokenizer.Load(folder.Path);

        var ids = tokenizer.Encode("\uFB01ne \u2460\uFF12 A\u030A \uFF8A\uFF9F \u00BD");

        Assert.Equal(plain.Encode("fine 12 \u00C5 \u30D1 1\u20442"), ids);
        Assert.DoesNotContain(0, ids);

        // Pieces of one character each, those that the text needs.
        static string WithNormalizer(string normalizer) =>
            """{"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0]"""
            + string.Concat("\u2581fine12\u00C5\u30D1\u2044".Distinct().Select(piece => $", [\"{piece}\", -1]"))
            + $$"""]}, "added_tokens": [{"id": 99, "content": "</s>", "lstrip": false, "rstrip": false}], "normalizer": {{normalizer}}, "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581"} }""";
    }

    internal static int[] Numbers(JsonNode list) => [.. list.AsArray().Select(id => (int)id!)];
}
