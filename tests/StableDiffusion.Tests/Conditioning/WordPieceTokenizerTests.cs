using System.Text.Json.Nodes;

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
}
