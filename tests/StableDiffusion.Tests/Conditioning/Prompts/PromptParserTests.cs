using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;

namespace StableDiffusion.Tests;

public class PromptParserTests
{
    [Theory]
    [MemberData(nameof(PromptGoldens.Names), MemberType = typeof(PromptGoldens))]
    public void The_pieces_equal_the_webuis(string name)
    {
        var row = PromptGoldens.Row(name);
        Assert.Equal(Pieces(row.GetProperty("parsed")), PromptParser.Parse(row.GetProperty("prompt").GetString()!));
    }

    // The examples in the doc string of parse_prompt_attention, modules/prompt_parser.py.
    [Theory]
    [InlineData("normal text", """[["normal text", 1.0]]""")]
    [InlineData("an (important) word", """[["an ", 1.0], ["important", 1.1], [" word", 1.0]]""")]
    [InlineData("(unbalanced", """[["unbalanced", 1.1]]""")]
    [InlineData(@"\(literal\]", """[["(literal]", 1.0]]""")]
    [InlineData("(unnecessary)(parens)", """[["unnecessaryparens", 1.1]]""")]
    [InlineData("a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).", """
        [["a ", 1.0], ["house", 1.5730000000000004], [" ", 1.1], ["on", 1.0], [" a ", 1.1], ["hill", 0.55], [", sun, ", 1.1],
        ["sky", 1.4641000000000006], [".", 1.1]]
        """)]
    public void The_webuis_own_examples_hold(string prompt, string expected) => Assert.Equal(
        Pieces(JsonDocument.Parse(expected).RootElement),
        PromptParser.Parse(prompt));

    // Blanks around the number: re_attention of the webui since version 1.7.
    [Theory]
    [InlineData("(a: 1.2)")]
    [InlineData("(a:1.2 )")]
    [InlineData("(a:  1.2\t)")]
    public void Blanks_around_a_weight_do_not_matter(string prompt) => Assert.Equal([new WeightedText("a", 1.2)], PromptParser.Parse(prompt));

    [Theory]
    [InlineData("(a:1.2.3)", "a:1.2.3")]
    [InlineData("(a:.)", "a:.")]
    [InlineData("(a:+)", "a:+")]
    public void A_weight_that_is_no_number_is_text_of_a_plain_bracket(string prompt, string text) =>
        Assert.Equal([new WeightedText(text, 1.1)], PromptParser.Parse(prompt));

    [Theory]
    [InlineData("BREAKFAST")]
    [InlineData("OUTBREAK")]
    [InlineData("TEA_BREAK")]
    [InlineData("break")]
    public void Break_is_a_word_of_its_own_in_capitals(string prompt) =>
        Assert.Equal([new WeightedText(prompt, 1)], PromptParser.Parse(prompt));

    [Fact]
    public void Any_prompt_parses_to_pieces_of_finite_weight() => Prop.ForAll(
        TextOf("ab ()[]\\:.,19-+\nBREAK"),
        prompt =>
        {
            var pieces = PromptParser.Parse(prompt);
            return pieces.Count > 0 && pieces.All(piece => float.IsFinite((float)piece.Weight));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Weights_too_large_for_the_embeddings_stay_finite() => Assert.All(
        PromptParser.Parse($"((a:{new string('9', 400)}):{new string('9', 400)}) (b:0)"),
        piece => Assert.True(float.IsFinite((float)piece.Weight)));

    [Fact]
    public void A_prompt_without_marks_is_one_piece_of_weight_1() => Prop.ForAll(
        TextOf("aé日 ,.:;-1\n\ud83d\ude42"),
        prompt => PromptParser.Parse(prompt).SequenceEqual([new WeightedText(prompt, 1)])).QuickCheckThrowOnFailure();

    [Fact]
    public void Escaped_brackets_and_backslashes_come_out_as_written() => Prop.ForAll(
        TextOf("a ()[]\\:1."),
        text =>
        {
            var escaped = string.Concat(text.Select(c => "()[]\\".Contains(c, StringComparison.Ordinal) ? $"\\{c}" : $"{c}"));
            return PromptParser.Parse(escaped).SequenceEqual([new WeightedText(text, 1)]);
        }).QuickCheckThrowOnFailure();

    private static IEnumerable<WeightedText> Pieces(JsonElement pairs) =>
        pairs.EnumerateArray().Select(pair => new WeightedText(pair[0].GetString()!, pair[1].GetDouble()));

    internal static Arbitrary<string> TextOf(string alphabet) =>
        Gen.Elements(alphabet.ToCharArray()).ArrayOf().Select(characters => new string(characters)).ToArbitrary();
}
