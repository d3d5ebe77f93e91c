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

    internal static int[] Numbers(JsonNode list) => [.. list.AsArray().Select(id => (int)id!)];
}
