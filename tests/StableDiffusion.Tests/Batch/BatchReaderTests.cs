using FsCheck;
using FsCheck.Fluent;
using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

public sealed class BatchReaderTests
{
    private static readonly FieldTable _options = new(new ImageOptions());

    [Theory]
    [InlineData("a red apple", "prompt=a red apple")]
    [InlineData("  a -- b - c  ", "prompt=a -- b - c")]
    [InlineData("\"\"", "prompt=")]
    [InlineData("it's a \"red\" apple", "prompt=it's a \"red\" apple")]
    [InlineData("a red apple --seed 5 --steps 20", "prompt=a red apple", "seed=5", "steps=20")]
    [InlineData("a red apple --seed -1 --cfg_scale 3.5", "prompt=a red apple", "seed=-1", "cfg_scale=3.5")]
    [InlineData("--prompt a red apple --negative_prompt blurry, dark --seed=5", "prompt=a red apple", "negative_prompt=blurry, dark", "seed=5")]
    [InlineData("--prompt \"a --wide angle\" --sampler_name \"Euler a\"", "prompt=a --wide angle", "scheduler=Euler a")]
    [InlineData("\"a --wide \\\"angle\\\"\" --seed 5", "prompt=a --wide \"angle\"", "seed=5")]
    [InlineData("a --negative_prompt \"\" --n_iter 3", "prompt=a", "negative_prompt=", "batch_count=3")]
    [InlineData("a --batch_size 2", "prompt=a", "batch_size=2")]
    [InlineData("a --seed 1 -n 'b c' -W 64", "prompt=a", "seed=1", "negative_prompt=b c", "width=64")]
    [InlineData("a --scheduler-config x=1 --scheduler-config y=2", "prompt=a", "scheduler_config=x=1;y=2")]
    public void A_text_line_is_read_as_A1111_reads_it(string line, params string[] fields) => Assert.Equal(fields, Fields(line));

    [Theory]
    [InlineData("{\"prompt\": \"a\", \"seed\": 5, \"cfg-scale\": 3.5}", "prompt=a", "seed=5", "cfg_scale=3.5")]
    [InlineData("{\"prompt\": \"a\", \"guidance_scale\": 1e1, \"steps\": null}", "prompt=a", "cfg_scale=1e1")]
    [InlineData("{\"prompt\": [\"a\", \"b\"], \"seed\": [1, 2]}", "prompt=a;b", "seed=1;2")]
    [InlineData("{\"prompt\": \"a\", \"scheduler_config\": {\"solver_order\": 3, \"x\": \"y\"}}", "prompt=a", "scheduler_config=solver_order=3;x=y")]
    [InlineData("{\"path\": \"a.png\", \"sha256\": \"00\", \"seconds\": {\"unet\": 1}, \"prompt\": \"a\"}", "prompt=a")]
    [InlineData("{\"path\": \"a.png\", \"sha256\": \"00\", \"model\": \"m\", \"image\": 0, \"images\": 1, \"prompt\": \"a\"}", "prompt=a")]
    [InlineData("{\"path\": \"a.png\", \"sha256\": \"00\", \"image\": 1, \"images\": 2, \"num_images\": 2, \"prompt\": \"a\"}", "num_images=2", "prompt=a", "picture=1")]
    [InlineData("{\"path\": \"a.png\", \"sha256\": \"00\", \"image\": \"x.png\", \"prompt\": \"a\"}", "init_image=x.png", "prompt=a")]
    [InlineData("{\"prompt\": \"a\", \"image\": \"x.png\"}", "prompt=a", "init_image=x.png")]
    [InlineData("{\"prompt\": \"a\", \"image\": 5}", "prompt=a", "init_image=5")]
    [InlineData("{\"prompt\": \"a\", \"id\": 7, \"line\": 1, \"program\": \"sd\", \"notes\": [\"x\"]}", "prompt=a")]
    public void A_JSON_line_gives_options_by_name(string line, params string[] fields) => Assert.Equal(fields, Fields(line));

    [Theory]
    [InlineData("prompt,seed\na,5", "prompt=a", "seed=5")]
    [InlineData("prompt;cfg scale;seed\na;1;5", "prompt=a", "cfg_scale=1", "seed=5")]
    [InlineData("seed;prompt\n5;a, b", "seed=5", "prompt=a, b")]
    [InlineData("prompt\tSteps\na\t20", "prompt=a", "steps=20")]
    [InlineData("\uFEFFprompt,negative_prompt\n\"a \"\"red\"\"\nmap, old\",", "prompt=a \"red\"\nmap, old")]
    [InlineData("prompt\na, b", "prompt=a, b")]
    [InlineData("prompt\n\"a, b\"", "prompt=a, b")]
    [InlineData("prompt,image\na,x.png", "prompt=a", "init_image=x.png")]
    [InlineData("id,prompt,notes\n7,a,x", "prompt=a")]
    [InlineData("path,sha256,prompt,image,model\na.png,00,a,0,m", "prompt=a")]
    public void A_header_of_option_names_makes_a_CSV_file(string text, params string[] fields) => Assert.Equal(fields, Fields(text.TrimStart('\uFEFF')));

    [Theory]
    [InlineData("a --stepz 3", "no option --stepz")]
    [InlineData("a --steps", "--steps lacks its value")]
    [InlineData("a --steps 3 4", "4 belongs to no option")]
    [InlineData("a --steps 3 --steps 4", "--steps is given twice")]
    [InlineData("a --prompt b", "the prompt is given twice")]
    [InlineData("a --negative-prompt \"b", "a quote \" is opened and not closed")]
    [InlineData("{\"prompt\": \"a\", \"sede\": 5}", "no option sede")]
    [InlineData("{\"prompt\": \"a\", \"model\": \"other/model\"}", "model is the same for all lines; take it out, and give it to the command")]
    [InlineData("{\"prompt\": \"a\", \"device\": \"cuda\"}", "device is the same for all lines")]
    [InlineData("{\"prompt\": \"a\", \"path\": \"x.png\"}", "no option path")]
    [InlineData("a --model other/model", "--model is the same for all lines")]
    [InlineData("prompt,restore_faces\na,true", "restore_faces true is not supported")]
    [InlineData("{\"prompt\": {}}", "prompt must be a text or a number")]
    [InlineData("{\"prompt\": \"a\", \"prompt\": \"b\"}", "not valid JSON")]
    [InlineData("{\"cfg_scale\": 1, \"scale\": 2}", "cfg_scale is given twice")]
    [InlineData("prompt,seed\na,b,c", "3 cells, but the header 2")]
    [InlineData("prompt,seed\n\"a\"b,5", "a quote in a cell must be doubled")]
    [InlineData("prompt,seed\n\"a,5", "a quote is opened and not closed")]
    public void A_bad_line_says_what_is_wrong(string text, string message) =>
        Assert.Contains(message, Lines(text)[^1].Error, StringComparison.Ordinal);

    [Fact]
    public void Lines_keep_their_numbers() =>
        Assert.Equal([2, 4, 5], Lines("# a comment\na red apple\n\nbad --option x\na pear\n").Select(line => line.Number));

    [Fact]
    public void Any_text_line_gives_fields_or_says_what_is_wrong() => Prop.ForAll(
        PromptParserTests.TextOf("a-\"'\\ =,{}s#"),
        text => Lines("x\n" + text).TrueForAll(line => line.Error is null ? line.Fields.Count > 0 : line.Error.Length > 0)).QuickCheckThrowOnFailure();

    [Fact]
    public void Any_prompt_goes_through_JSON_unchanged() => Prop.ForAll(
        PromptParserTests.TextOf("a-\"'\\ =,{|}\n\té日#"),
        prompt =>
        {
            var fields = new LineFields { ["prompt"] = [prompt], ["seed"] = ["5"] };
            var line = Lines(ResultJson.ToText(_options.ToJson(fields)))[0];
            return PromptExpansion.Expand(line.Fields["prompt"][0]).SequenceEqual([prompt]);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Any_value_reaches_the_request_as_it_is() => Prop.ForAll(
        PromptParserTests.TextOf("a-\"'\\ =:,@/[]"),
        text =>
        {
            var fields = new LineFields { ["prompt"] = [text], ["negative_prompt"] = [text] };
            var request = _options.Request(fields);
            return request.Prompt == text && request.NegativePrompt == text;
        }).QuickCheckThrowOnFailure();

    private static List<BatchLine> Lines(string text) => [.. new BatchReader(new StringReader(text), _options).Lines()];

    private static IEnumerable<string> Fields(string text)
    {
        var line = Lines(text)[0];
        Assert.Null(line.Error);
        return line.Fields.Select(field => $"{field.Key}={string.Join(';', field.Value)}");
    }
}
