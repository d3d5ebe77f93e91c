using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary>Ids of Hugging Face's tokenizers 0.22.2, run itself: make_tokenizer_golden.js.</summary>
internal static class TokenizerGolden
{
    public static JsonNode Read() =>
        JsonNode.Parse(File.ReadAllText(Path.Combine(Repository.Root, "tests", "StableDiffusion.Tests", "Conditioning", "tokenizer-golden.json")))!;

    /// <summary>A BERT tokenizer with the table's vocabulary.</summary>
    public static WordPieceTokenizer Bert(JsonNode golden, string config = "{}")
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder.PathOf("vocab.txt"), golden["vocabulary"]!.AsArray().Select(word => (string)word!));
        File.WriteAllText(folder.PathOf("tokenizer_config.json"), config);
        return WordPieceTokenizer.Load(folder.Path);
    }
}
