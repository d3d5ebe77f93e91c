using System.Diagnostics;
using System.Text;
using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

/// <summary>Files that are almost a batch file, as spreadsheets, scripts and other programs leave them.</summary>
public class AlmostBatchTests
{
    private static readonly FieldTable _options = new(new ImageOptions());

    [Theory]
    [InlineData("prompt,seed,steps,,\na cat,5,2,,", "prompt=a cat", "seed=5", "steps=2")]
    [InlineData(",prompt,seed\n0,a cat,5", "prompt=a cat", "seed=5")]
    [InlineData("Prompt,Negative Prompt,CFG Scale\na cat,blurry,5", "prompt=a cat", "negative_prompt=blurry", "cfg_scale=5")]
    [InlineData("\"Prompt\",\"Denoising strength\"\na cat,0.5", "prompt=a cat", "strength=0.5")]
    [InlineData("sep=;\nprompt;seed\na cat;5", "prompt=a cat", "seed=5")]
    [InlineData("prompt\tseed\na cat\t5", "prompt=a cat", "seed=5")]
    [InlineData("prompt;seed\na cat, grey;5", "prompt=a cat, grey", "seed=5")]
    [InlineData("prompt,outpath_samples\na cat,x", "prompt=a cat")]
    [InlineData("[\n  {\"prompt\": \"a cat\", \"seed\": 5},\n  {\"prompt\": \"b\"}\n]", "prompt=a cat", "seed=5")]
    [InlineData("[\"a cat\", \"a dog\"]", "prompt=a cat")]
    [InlineData("{\n  \"prompt\": \"a cat\",\n  \"seed\": 5\n}\n", "prompt=a cat", "seed=5")]
    [InlineData("{ \"prompt\": \"a cat\",\n  \"seed\": 5 }\n{ \"prompt\": \"b\" }", "prompt=a cat", "seed=5")]
    [InlineData("a cat --seed 5\r\n", "prompt=a cat", "seed=5")]
    [InlineData("--prompt it's a dog --seed 4", "prompt=it's a dog", "seed=4")]
    [InlineData("a dog's bone --negative_prompt cats' tails", "prompt=a dog's bone", "negative_prompt=cats' tails")]
    [InlineData("--prompt 'a red cat' --seed 4", "prompt=a red cat", "seed=4")]
    [InlineData("[blurry] cat", "prompt=[blurry] cat")]
    [InlineData("[\"cat\"] in a box", "prompt=[\"cat\"] in a box")]
    [InlineData("{red|green} apple", "prompt={red|green} apple")]
    public void What_can_be_meant_in_one_way_is_read(string text, params string[] fields) => Assert.Equal(fields, Fields(text));

    [Theory]
    [InlineData("prompt,seed,note\na cat,5,x", "'the file', line 1, column 3: there is no option note")]
    [InlineData("id,prompt,my comment\n1,a cat,x", "'the file', line 1, column 3: there is no option 'my comment'")]
    [InlineData("prompt,model\na cat,other/model", "'the file', line 1, column 2: model is the same for all lines")]
    [InlineData("prompt,seed,Seed\na cat,5,6", "two columns for seed")]
    [InlineData("sep=;\na cat;5", "'sep=;' stands above a header")]
    [InlineData("[\n{\"prompt\": \"a\"},\n{\"prompt\" \"b\"}\n]", "line 3, byte 11: it is not valid JSON")]
    [InlineData("{\"prompt\": \"a\"", "it is not valid JSON")]
    [InlineData("a\0c\0a\0t\0", "UTF-16 without a mark")]
    public void What_is_almost_a_batch_file_is_refused_with_its_place(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<RequestException>(() => Lines(text)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(",prompt\n0,a cat\nleft over,a dog", "column 1 has no name in the header, but holds 'left over'")]
    [InlineData("{\"prompt\":\"\\ud83d a hat\"}", "prompt holds half of a character")]
    [InlineData("[\n1\n]", "no JSON object")]
    [InlineData("a cat --restore_faces true", "restore_faces true is not supported")]
    public void A_bad_line_among_others_says_what_is_wrong(string text, string expected) => Assert.Contains(expected, Lines(text)[^1].Error, StringComparison.Ordinal);

    [Fact]
    public void What_says_nothing_about_the_picture_is_left_out_and_named()
    {
        var notes = new List<string>();
        var lines = new BatchReader(new StringReader("a cat --seed 1 --do_not_save_grid true --outpath_samples my pictures --restore_faces false"), _options, "the file", (line, text) => notes.Add($"{line}: {text}")).Lines().ToList();
        Assert.Equal(["prompt", "seed"], lines[0].Fields.Keys);
        Assert.Equal(["1: do_not_save_grid says nothing about the picture and is left out.", "1: outpath_samples says nothing about the picture and is left out.", "1: restore_faces says nothing about the picture and is left out."], notes);
    }

    [Fact]
    public void A_JSON_document_keeps_the_numbers_of_its_lines() => Assert.Equal([2, 5], Lines("[\n{\"prompt\": \"a\"\n},\n\n{\"prompt\": \"b\"}]").Select(line => line.Number));

    [Theory]
    [InlineData("utf-16", true)]
    [InlineData("utf-16BE", true)]
    [InlineData("utf-8", true)]
    [InlineData("utf-32", true)]
    public void A_mark_at_the_start_tells_the_encoding(string encoding, bool isRead)
    {
        using var reader = new StreamReader(new MemoryStream([.. Encoding.GetEncoding(encoding).GetPreamble(), .. Encoding.GetEncoding(encoding).GetBytes("a café --seed 5\n")]), BatchReader.Encoding);
        Assert.Equal(isRead, new BatchReader(reader, _options).Lines().Single().Fields["prompt"][0] == "a café");
    }

    [Theory]
    [InlineData("a cat\na café\n")]
    [InlineData("a cat\r\na café")]
    [InlineData("prompt,seed\ncafé,5")]
    [InlineData("[\n\"a café\"]")]
    [InlineData("{\n\"prompt\": \"a café\"\n}")]
    public void Latin_1_is_refused_with_its_line_and_what_to_do(string text)
    {
        foreach (var mark in (byte[][])[[], Encoding.UTF8.GetPreamble()])
        {
            using var reader = new StreamReader(new MemoryStream([.. mark, .. Encoding.Latin1.GetBytes(text)]), BatchReader.Encoding);

            var message = Assert.Throws<RequestException>(() => new BatchReader(reader, _options).Lines().ToList()).Message;

            Assert.Contains("is not UTF-8 text in line 2; save it as UTF-8 (iconv -f latin1", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_a_table_has_that_says_nothing_about_the_picture_is_named_once()
    {
        var notes = new List<string>();
        Assert.Equal(2, new BatchReader(new StringReader("prompt,outpath_samples\na cat,x\na dog,y"), _options, "the file", (line, text) => notes.Add($"{line}: {text}")).Lines().Count());
        Assert.Equal(["1: outpath_samples says nothing about the picture and is left out."], notes);
    }

    [Theory]
    [InlineData("{\"prompt\":\"a\",\"seed\":5.0,\"steps\":2.0}", "5", "2")]
    [InlineData("prompt,seed,steps\na,18446744073709551615,20.0", "18446744073709551615", "20")]
    public void Whole_numbers_may_have_the_zero_of_spreadsheets(string text, string seed, string steps)
    {
        var job = Jobs(text).Single();
        Assert.Equal((seed, steps), (job.Fields["seed"][0], job.Fields["steps"][0]));
    }

    [Theory]
    [InlineData("a --cfg-scale 7,5", "cfg_scale 7,5 must be a number, such as 7.5; write 7.5 with a point")]
    [InlineData("a --width 1,024", "width 1,024 must be a whole number of at most 2147483647; write 1024 without commas")]
    [InlineData("{\"prompt\":\"a\",\"steps\":\"None\"}", "steps None must be a whole number of at most 2147483647; leave it out for the default")]
    [InlineData("a --steps 2.5", "steps 2.5 must be a whole number")]
    public void Numbers_in_another_countrys_writing_are_refused_with_the_right_one(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<RequestException>(() => _options.Request(Jobs(text).Single().Fields)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("a --seed 1 --batch_size 2", "1,2")]
    [InlineData("a --seed 1 --batch_size 2 --n_iter 3", "1,2,3,4,5,6")]
    public void A_webui_batch_has_the_seeds_that_the_webui_gives(string text, string seeds) =>
        Assert.Equal(seeds, string.Join(',', Jobs(text).Select(job => job.Fields["seed"][0])));

    [Theory]
    [InlineData("a cat -s 5", "a cat -s 5", "1: -s is a part of the prompt, for before the first option of a line with two hyphens all is; if the option is meant, write --seed.")]
    [InlineData("a cat -n dog --steps 5", "a cat -n dog", "1: -n is a part of the prompt, for before the first option of a line with two hyphens all is; if the option is meant, write --negative-prompt.")]
    [InlineData("\"a cat -s 5\"", "a cat -s 5", null)]
    [InlineData("a cat - s 5 -z 3", "a cat - s 5 -z 3", null)]
    public void A_short_option_before_the_first_long_one_is_text_and_said_to_be(string line, string prompt, string? note)
    {
        var notes = new List<string>();
        var read = new BatchReader(new StringReader(line), _options, "the file", (number, text) => notes.Add($"{number}: {text}")).Lines().Single();

        Assert.Equal(prompt, read.Fields[FieldTable.Prompt][0]);
        Assert.Equal(note is null ? [] : [note], notes);
    }

    [Theory]
    [InlineData('{', 20_000)]
    [InlineData('"', 900_000)]
    [InlineData('\'', 900_000)]
    [InlineData('[', 900_000)]
    [InlineData('\\', 900_000)]
    public void Costly_lines_take_no_time(char c, int count)
    {
        var watch = Stopwatch.StartNew();
        _ = Jobs("x\n" + new string(c, count) + " --seed 5").Count;
        _ = Jobs("x\na --prompt " + new string(c, count)).Count;
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromMinutes(5)); // quadratic would be hours
    }

    [Fact]
    public void Groups_in_groups_have_a_stated_limit()
    {
        var nested = string.Concat(Enumerable.Repeat("{a|", 20_000)) + new string('}', 20_000);
        var entry = new JobSource(_options, new LineFields()).Jobs(new BatchReader(new StringReader(nested), _options).Lines()).First();
        Assert.Contains("64 deep", entry.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_that_is_too_long_is_one_bad_line() =>
        Assert.Contains("a line may have 1000000", Lines("x\n" + new string('a', 1_000_001) + "\ny")[1].Error, StringComparison.Ordinal);

    [Fact]
    public void The_model_of_a_picture_that_show_tells_of_is_said_and_left_to_the_command()
    {
        var notes = new List<string>();
        var reader = new BatchReader(
            new StringReader("""{"prompt": "a cat", "program": "sd", "model": "sd15", "notes": []}"""), _options, "the file", (line, text) => notes.Add($"{line}: {text}"));

        Assert.Equal(["prompt"], reader.Lines().Single().Fields.Keys);
        Assert.Equal("1: it was painted with the model sd15; --model says which one paints it here.", Assert.Single(notes));
    }

    private static List<BatchLine> Lines(string text) => [.. new BatchReader(new StringReader(text), _options, "the file").Lines()];

    private static List<BatchJob> Jobs(string text) =>
        [.. new JobSource(_options, new LineFields()).Jobs(Lines(text)).Select(entry => entry.Job).OfType<BatchJob>()];

    private static IEnumerable<string> Fields(string text)
    {
        var line = Lines(text)[0];
        Assert.Null(line.Error);
        return line.Fields.Select(field => $"{field.Key}={string.Join(';', field.Value)}");
    }
}
