using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;

namespace StableDiffusion.Tests;

public class PromptChunksTests
{
    private const int Length = 77;

    private static ClipTokenizer Sd1 => PromptGoldens.Tokenizer("sd1");

    [Theory]
    [MemberData(nameof(PromptGoldens.Names), MemberType = typeof(PromptGoldens))]
    public void The_chunks_equal_the_webuis(string name)
    {
        var row = PromptGoldens.Row(name);
        var tokenizer = PromptGoldens.Tokenizer(row.GetProperty("model").GetString()!);
        var chunks = PromptChunks.Split(tokenizer, PromptParser.Parse(row.GetProperty("prompt").GetString()!), Length);

        Assert.Equal(row.GetProperty("ids").EnumerateArray().Select(ids => Padded(ids, tokenizer)), chunks.Select(chunk => chunk.Ids));
        Assert.Equal(
            row.GetProperty("multipliers").EnumerateArray()
                .Select(weights => weights.EnumerateArray().Select(weight => weight.GetSingle())),
            chunks.Select(chunk => chunk.Multipliers));
    }

    /// <summary>The golden ids are those before the webui puts the padding behind the first end token.</summary>
    private static int[] Padded(JsonElement row, ClipTokenizer tokenizer)
    {
        int[] ids = [.. row.EnumerateArray().Select(id => id.GetInt32())];
        ids.AsSpan(Array.IndexOf(ids, tokenizer.EosId) + 1).Fill(tokenizer.PadId);
        return ids;
    }

    [Theory]
    [InlineData(77)]
    [InlineData(24)]
    [InlineData(3)]
    public void Every_chunk_is_as_long_as_the_model_asks_and_no_token_is_lost(int length) => Prop.ForAll(
        PromptParserTests.TextOf("ab ,.1()"),
        prompt =>
        {
            var chunks = PromptChunks.Split(Sd1, [new WeightedText(prompt, 1)], length);
            Assert.All(chunks, chunk =>
            {
                Assert.Equal(length, chunk.Ids.Length);
                Assert.Equal(length, chunk.Multipliers.Length);
                Assert.Equal(Sd1.BosId, chunk.Ids[0]);
                Assert.Equal(Sd1.EosId, chunk.Ids[^1]);
            });
            Assert.Equal(Sd1.Encode(prompt), chunks.SelectMany(chunk => chunk.Ids).Where(id => id != Sd1.BosId && id != Sd1.EosId));
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(19, 20)]
    [InlineData(20, 1)]
    public void A_full_chunk_is_cut_behind_a_comma_at_most_20_tokens_back(int wordsBehindComma, int wordsInSecondChunk)
    {
        // With the comma itself 20 tokens are near enough, 21 are not.
        var prompt = string.Concat(Enumerable.Repeat("cat ", 74 - wordsBehindComma)) + ","
            + string.Concat(Enumerable.Repeat(" dog", wordsBehindComma + 1));
        var chunks = PromptChunks.Split(Sd1, PromptParser.Parse(prompt), Length);
        Assert.Equal(2, chunks.Count);
        Assert.Equal(wordsInSecondChunk, chunks[1].Ids.Count(id => id == Sd1.Encode("dog")[0]));
    }

    [Fact]
    public void Padding_follows_the_first_end_token_even_one_that_the_prompt_holds()
    {
        var tokenizer = PromptGoldens.Tokenizer("sd2");
        var chunk = Assert.Single(PromptChunks.Split(tokenizer, PromptParser.Parse("a <|endoftext|> b"), 8));
        Assert.Equal([tokenizer.BosId, tokenizer.Encode("a")[0], tokenizer.EosId, 0, 0, 0, 0, 0], chunk.Ids);
    }

    [Fact]
    public void A_length_without_room_for_a_token_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => PromptChunks.Split(Sd1, PromptParser.Parse("a"), 2));
}
