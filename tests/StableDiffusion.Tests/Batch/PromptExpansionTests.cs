using FsCheck;
using FsCheck.Fluent;
using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

public sealed class PromptExpansionTests
{
    [Theory]
    [InlineData("{red|green|blue} apple", "red apple", "green apple", "blue apple")]
    [InlineData("{a|b} {1|2}", "a 1", "a 2", "b 1", "b 2")]
    [InlineData("{a|b {c|d}} e", "a e", "b c e", "b d e")]
    [InlineData("{big |}apple", "big apple", "apple")]
    [InlineData("{no bar} {", "{no bar} {")]
    [InlineData("{a {b|c}}", "{a b}", "{a c}")]
    [InlineData("a | b }", "a | b }")]
    [InlineData(@"\{a|b\} (\(x\))", @"{a|b} (\(x\))")]
    [InlineData(@"{a\|b|c\\}", @"a|b", @"c\")]
    public void A_template_stands_for_its_texts(string template, params string[] texts) =>
        Assert.Equal(texts, PromptExpansion.Expand(template));

    [Fact]
    public void An_escaped_text_stands_for_itself_alone() => Prop.ForAll(
        PromptParserTests.TextOf(@"ab{|}\ "),
        text => PromptExpansion.Expand(PromptExpansion.Escape(text)).SequenceEqual([text])).QuickCheckThrowOnFailure();

    [Fact]
    public void A_text_that_stands_for_itself_is_not_escaped() =>
        Assert.Equal(@"a \(red\) {apple}", PromptExpansion.Escape(@"a \(red\) {apple}"));

    [Fact]
    public void More_than_a_million_texts_are_refused_at_once() =>
        Assert.Throws<RequestException>(() => PromptExpansion.Expand(string.Concat(Enumerable.Repeat("{a|b}", 40))));

    [Fact]
    public void Thousands_of_braces_that_are_never_closed_take_no_time() =>
        Assert.Single(PromptExpansion.Expand(new string('{', 10_000) + "a|b"));
}
