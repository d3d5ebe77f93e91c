using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

/// <summary>Prompts of other programs in this program's way, judged by what this program reads.</summary>
public sealed class ForeignPromptTests
{
    /// <summary>The weights by compel's own rules (src/compel/prompt_parser.py): 1.1 for each plus, 0.9 for each minus, numbers as they are, nested ones multiplied.</summary>
    [Theory]
    [InlineData("a cat", "a cat")]
    [InlineData("a ball++ in the forest", "a |ball=1.21| in the forest")]
    [InlineData("a ball-, red", "a |ball=0.9|, red")]
    [InlineData("a blue-green sea - calm", "a blue-green sea - calm")]
    [InlineData("(a red)1.4 apple", "a red=1.4| apple")]
    [InlineData("(a (red)1.5 apple)0.5", "a =0.5|red=0.75| apple=0.5")]
    [InlineData("(a red apple)++ here", "a red apple=1.21| here")]
    [InlineData("(a red apple) here", "a red apple here")]
    [InlineData("\"a red apple\"+ here", "a red apple=1.1| here")]
    [InlineData("a \"red\" apple", "a red apple")]
    [InlineData("(apple).attend(1.3), (pear).attend(--)", "apple=1.3|, |pear=0.81")]
    [InlineData("a [red] apple \\(round\\) \\+", "a [red] apple (round) +")]
    [InlineData("a 5\" pipe (short", "a 5\" pipe (short")]
    [InlineData("(a 5\" pipe)1.2)", "a 5\" pipe=1.2|)")]
    [InlineData("a <wood-cut> apple", "a wood-cut apple")]
    [InlineData("AND then C++", "AND then |C=1.21")]
    [InlineData("(a)\u0661 (b).and( c", "a\u0661 b.and( c")]
    [InlineData("", "")]
    public void A_prompt_of_InvokeAI_is_weighed_as_compel_weighs_it(string prompt, string pieces) =>
        Assert.Equal(pieces, Read(CompelPrompt.Translate(prompt, new Recipe("InvokeAI"))));

    [Theory]
    [InlineData("(\"a cat\", \"a dog\").blend(0.7, 0.3)", "\"a cat\", \"a dog\" without quotes", ".blend(0.7, 0.3) of the prompt is not followed.")]
    [InlineData("a cat.swap(dog) here", "a cat here", ".swap(dog) of the prompt is not followed.")]
    [InlineData("(\"a cat\", \"a dog\").and()", "\"a cat\", \"a dog\" without quotes", ".and() of the prompt is not followed.")]
    [InlineData("a <wood-cut>", "a wood-cut", "learnt words were used (wood-cut); give them with --embedding or --embedding-dir.")]
    [InlineData("a cat++", "a |cat=1.21", "InvokeAI weighs words in another way, so that those with a weight come out a little otherwise.")]
    public void What_compel_does_beside_weights_is_said(string prompt, string pieces, string note)
    {
        var recipe = new Recipe("InvokeAI");

        var read = Read(CompelPrompt.Translate(prompt, recipe));

        Assert.Equal(pieces.EndsWith(" without quotes", StringComparison.Ordinal) ? "a cat, a dog" : pieces, read);
        Assert.Equal([note], recipe.Notes.Select(one => one.Text));
    }

    [Fact]
    public void A_LoRA_in_a_prompt_of_InvokeAI_becomes_a_tag() =>
        Assert.Equal("a cat <lora:pixel-art:0.5> <lora:ink:1>", CompelPrompt.Translate("a cat withLora(pixel-art, 0.5) useLora(ink)", new Recipe("InvokeAI")));

    /// <summary>By comfy/sd1_clip.py: (a) counts 1.1, (a:1.3) counts 1.3, square brackets and lone backslashes are text.</summary>
    [Theory]
    [InlineData("a (red:1.3) (round) apple", "a |red=1.3| |round=1.1| apple")]
    [InlineData("a [red] apple \\(round\\) \\o/", "a [red] apple (round) \\o/")]
    [InlineData("TAKE A BREAK now", "TAKE A break now")]
    [InlineData("embedding:sub/EasyNegative.safetensors, (embedding:bad:1.2)", "EasyNegative, |bad=1.2")]
    [InlineData("no embedding: here", "no embedding: here")]
    public void A_prompt_of_ComfyUI_is_read_as_it_reads_it(string prompt, string pieces) =>
        Assert.Equal(pieces, Read(ComfyPrompt.Translate(prompt, new Recipe("ComfyUI"))));

    /// <summary>Whatever marks stand in which order, the text that is left is the text that was there, and its weights are numbers.</summary>
    [Fact]
    public void Any_prompt_is_translated()
    {
        var random = new Random(20261128);
        const string Marks = "ab ()[]\\\"+-.,0123:<>";
        string[] words = [".and(", ".swap(", ".attend(", "embedding:", "withLora(", "BREAK", "(((", ")))"];
        for (var run = 0; run < 20_000; run++)
        {
            var prompt = string.Concat(Enumerable.Range(0, random.Next(24)).Select(_ => random.Next(8) == 0 ? words[random.Next(words.Length)] : Marks[random.Next(Marks.Length)].ToString()));
            foreach (var translated in (IEnumerable<string>)[CompelPrompt.Translate(prompt, new Recipe("InvokeAI")), ComfyPrompt.Translate(prompt, new Recipe("ComfyUI"))])
            {
                Assert.All(PromptParser.Parse(translated), piece => Assert.True(double.IsFinite(piece.Weight), prompt));
            }

            var plain = string.Concat(prompt.Where(mark => char.IsLetterOrDigit(mark) || mark is ' ' or '[' or ']' or ','));
            Assert.Equal(plain, Read(CompelPrompt.Translate(plain, new Recipe("InvokeAI"))), ignoreCase: true);
            Assert.Equal(plain, Read(ComfyPrompt.Translate(plain, new Recipe("ComfyUI"))), ignoreCase: true);
        }
    }

    [Theory]
    [InlineData('(')]
    [InlineData('"')]
    public void Very_many_brackets_neither_fill_the_stack_nor_take_long(char mark)
    {
        var deep = new string(mark, 100_000) + "a" + new string(mark == '(' ? ')' : mark, 100_000);

        Assert.NotEmpty(CompelPrompt.Translate(deep, new Recipe("InvokeAI")));
    }

    /// <summary>The pieces that this program reads, with | between and the weights that are not 1.</summary>
    private static string Read(string prompt) =>
        string.Join('|', PromptParser.Parse(prompt).Select(piece => piece.Weight.Equals(1.0) ? piece.Text : FormattableString.Invariant($"{piece.Text}={piece.Weight:0.####}")));
}
