using System.Diagnostics;

namespace StableDiffusion.Tests;

/// <summary>Texts made to cost much: each takes time in proportion to its length (or nearly), or is refused by a stated limit.</summary>
public sealed class CostlyTextTests
{
    private static readonly ClipTokenizer _tokenizer = ClipTokenizer.Load(Goldens.PathOf("clip-tokenizer"));

    /// <summary>A kind of text, and how it grows.</summary>
    public static TheoryData<string> Kinds => [.. _kinds.Keys];

    private static readonly Dictionary<string, Func<int, string>> _kinds = new()
    {
        ["one word"] = length => new string('a', length),
        ["one word of many letters"] = length => string.Concat(Enumerable.Range(0, length).Select(i => (char)('a' + ((long)i * i % 26)))),
        ["quotes"] = length => new string('"', length),
        ["spaces"] = length => new string(' ', length) + "a",
        ["colons"] = length => string.Concat(Enumerable.Repeat(": ", length / 2)),
        ["colon and spaces"] = length => "(a:" + new string(' ', length),
        ["digits of a weight"] = length => "(a:" + new string('1', length),
        ["backslashes"] = length => new string('\\', length),
        ["closed brackets"] = length => string.Concat(Enumerable.Repeat("(a)", length / 3)),
        ["closing brackets"] = length => new string(')', length),
        ["brackets to the limit"] = length => string.Concat(Enumerable.Repeat("([", 128)) + new string('x', length),
        ["marks on a letter"] = length => "a" + string.Concat(Enumerable.Repeat("\u0323\u0302", length / 2)),
        ["halves of characters"] = length => string.Concat(Enumerable.Repeat("\ud83d ", length / 2)),
        ["end tokens"] = length => string.Concat(Enumerable.Repeat("<|endoftext|>", length / 13)),
        ["BREAK"] = length => string.Concat(Enumerable.Repeat("BREAKa ", length / 7)),
    };

    // A million characters: time that grows with the square would be a quarter of an hour, so a crowded machine does not matter.
    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_text_of_a_million_characters_does_not_take_the_square_of_their_number(string kind) =>
        Assert.InRange(Time(_kinds[kind](1_000_000)), TimeSpan.Zero, TimeSpan.FromMinutes(2));

    [Theory]
    [InlineData('(')]
    [InlineData('[')]
    public void Brackets_deeper_than_256_are_refused_with_the_limit(char bracket)
    {
        Assert.NotEmpty(PromptParser.Parse(new string(bracket, 256) + "a"));

        var refusal = Assert.Throws<RequestException>(() => PromptParser.Parse(new string(bracket, 20_000) + "a"));
        Assert.Contains("more than 256 deep", refusal.Message, StringComparison.Ordinal);
        Assert.Contains($"\\{bracket}", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_prompt_of_more_than_256_chunks_is_refused_with_the_limit()
    {
        Assert.Equal(256, Chunks(75 * 256).Count);

        var refusal = Assert.Throws<RequestException>(() => Chunks((75 * 256) + 1));
        Assert.Contains("more than 256 times the 75 tokens", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_a_long_text_that_is_cut_a_warning_shows_the_beginning()
    {
        var warnings = new List<string>();
        using var pipeline = TextToImagePipeline.Load(Goldens.PathOf("models", "sd1"), new PipelineOptions { Device = ExecutionDevice.Cpu, Warning = warnings.Add });

        Assert.Single(pipeline.Generate(new ImageRequest
        {
            Prompt = string.Concat(Enumerable.Repeat("a castle ", 20_000)),
            LongPrompt = LongPrompt.Truncate,
            Steps = 1,
            Width = 64,
            Height = 64,
        }));

        Assert.InRange(Assert.Single(warnings).Length, 1000, 1300);
    }

    private static IReadOnlyList<PromptChunk> Chunks(int tokens) =>
        PromptChunks.Split(_tokenizer, [new WeightedText(string.Concat(Enumerable.Repeat("cat ", tokens)), 1)], 77);

    private static TimeSpan Time(string text)
    {
        var watch = Stopwatch.StartNew();
        foreach (var piece in PromptParser.Parse(text))
        {
            _tokenizer.Tokenize(piece.Text);
        }

        return watch.Elapsed;
    }
}
