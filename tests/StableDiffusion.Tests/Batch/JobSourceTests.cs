using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

public sealed class JobSourceTests
{
    private static readonly FieldTable _options = new(new ImageOptions());

    [Fact]
    public void Groups_and_seeds_give_every_combination_in_order() => Assert.Equal(
        ["0 red apple 1", "1 red apple 2", "2 green apple 1", "3 green apple 2", "4 pear 7"],
        Jobs("{red|green} apple --seed 1..2\npear --seed 7").Select(job => $"{job.Index} {job.Prompt} {job.Fields["seed"][0]}"));

    [Fact]
    public void Groups_in_an_option_of_several_values_give_every_list_and_a_line_that_is_written_down_gives_one()
    {
        var jobs = Jobs("""{"prompt": "apple", "lora": ["a.safetensors:{0.5|1}", "{b|c}.safetensors"]}""");
        var written = jobs.Select(job => _options.ToJson(job.Fields).ToJsonString());

        string[] lists = ["a.safetensors:0.5 b.safetensors", "a.safetensors:0.5 c.safetensors", "a.safetensors:1 b.safetensors", "a.safetensors:1 c.safetensors"];
        Assert.Equal(lists, jobs.Select(job => string.Join(' ', job.Fields["lora"])));
        Assert.Equal(lists, Jobs(string.Join('\n', written)).Select(job => string.Join(' ', job.Fields["lora"])));
        Assert.Equal(["{x|y}.safetensors"], Jobs(_options.ToJson(Jobs("""{"prompt": "a", "lora": ["\\{x|y}.safetensors"]}""").Single().Fields).ToJsonString()).Single().Fields["lora"]);
    }

    [Fact]
    public void A_batch_count_counts_the_seed_up() =>
        Assert.Equal(["5", "6", "7"], Jobs("apple --seed 5 --batch-count 3").Select(job => job.Fields["seed"][0]));

    /// <summary>AUTOMATIC1111's processing.py: all_seeds add their number where subseed_strength is 0, all_subseeds always.</summary>
    [Theory]
    [InlineData("--variation-strength 0.2", "5/9 5/10 5/11")]
    [InlineData("--variation-strength 0", "5/9 6/9 7/9")]
    public void A_batch_count_counts_the_variation_seed_up_where_one_is_mixed_in(string strength, string expected)
    {
        var jobs = Jobs($"apple --seed 5 --variation-seed 9 {strength} --batch-count 3");

        Assert.Equal(expected, string.Join(' ', jobs.Select(job => $"{job.Fields["seed"][0]}/{job.Fields["variation_seed"][0]}")));
        Assert.Equal(3, jobs.Select(job => job.Id).Distinct().Count());
    }

    /// <summary>By the webui's own names, in a line of options, JSON and CSV.</summary>
    [Theory]
    [InlineData("apple --seed 5 --subseed 9 --subseed_strength 0.2")]
    [InlineData("""{"prompt": "apple", "seed": 5, "subseed": 9, "subseed_strength": 0.2}""")]
    [InlineData("prompt,seed,subseed,subseed_strength\napple,5,9,0.2")]
    public void A_variation_is_asked_for_as_in_the_webui(string text)
    {
        var fields = Jobs(text).Single().Fields;

        Assert.Equal(("9", "0.2"), (fields["variation_seed"][0], fields["variation_strength"][0]));
    }

    /// <summary>What the webui writes without a variation asks for none.</summary>
    [Theory]
    [InlineData("""{"prompt": "apple", "seed": 5, "subseed": -1, "subseed_strength": 0}""")]
    [InlineData("""{"prompt": "apple", "seed": 5, "subseed": -1}""")]
    [InlineData("""{"prompt": "apple", "seed": 5, "subseed_strength": 0.0}""")]
    public void A_line_of_the_webui_without_a_variation_has_none(string text) =>
        Assert.Equal(0, _options.Request(new LineFields(Jobs(text).Single().Fields)).VariationStrength);

    /// <summary>What is wrong with a line is said with the line's own word for it, not the command line's.</summary>
    [Theory]
    [InlineData("seed", """{"prompt": "apple", "seed": "7x"}""")]
    [InlineData("seed", "apple --seed 7x")]
    [InlineData("variation_seed", """{"prompt": "apple", "seed": 5, "variation_seed": "9x", "variation_strength": 0.2, "batch_count": 2}""")]
    [InlineData("variation_seed", "prompt,variation_seed,variation_strength,batch_count\napple,9x,0.2,2")]
    public void A_bad_seed_is_reported_by_the_field_that_holds_it(string field, string text)
    {
        var entry = Entries(text).Single();

        Assert.StartsWith($"{field} '", entry.Error, StringComparison.Ordinal);
        Assert.Contains("is not a seed", entry.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"prompt": "apple", "variation_seed": "9x", "variation_strength": 0.2}""", "variation_seed '9x' is not a seed")]
    [InlineData("""{"prompt": "apple", "variation_seed": "9,10", "variation_strength": 0.2}""", "variation_seed 9,10 is several seeds; give one.")]
    [InlineData("""{"prompt": "apple", "variation_seed": 9}""", "variation_seed does nothing without variation_strength")]
    public void So_is_one_that_is_found_when_the_request_is_made(string text, string expected)
    {
        var fields = new LineFields(Jobs(text).Single().Fields);

        var error = Assert.Throws<RequestException>(() => _options.Request(fields));

        Assert.StartsWith(expected, OptionNames.MessageForLine(error), StringComparison.Ordinal);
    }

    [Fact]
    public void A_variation_seed_that_is_drawn_does_not_change_what_the_job_is()
    {
        const string line = "apple --seed 5 --variation-strength 0.2 --batch-count 2";
        var (first, second) = (Jobs(line), Jobs(line));

        Assert.Equal(first.Select(job => job.Id), second.Select(job => job.Id));
        Assert.NotEqual(first[0].Fields["variation_seed"], second[0].Fields["variation_seed"]);
        Assert.NotEqual(first[0].Id, first[1].Id);
    }

    [Theory]
    [InlineData("""{"prompt": "a", "seed": []}""", "seed is an empty list")]
    [InlineData("""{"prompt": [], "seed": 1}""", "prompt is an empty list")]
    [InlineData("""{"prompt": "a", "steps": []}""", "steps is an empty list")]
    [InlineData("""{"prompt": "a", "batch_count": []}""", "batch_count is an empty list")]
    [InlineData("""{"prompt": "a", "index": []}""", "index is an empty list")]
    [InlineData("""{"prompt": "a", "output": []}""", "output is an empty list")]
    [InlineData("""{"prompt": "a", "batch_count": [2, 5]}""", "batch_count has 2 values; give one")]
    [InlineData("""{"prompt": "a", "batch_size": [2, 5]}""", "batch_size has 2 values; give one")]
    [InlineData("""{"prompt": "a", "index": [2, 5]}""", "index has 2 values; give one")]
    [InlineData("""{"prompt": "a", "index": 2147483648}""", "is not a whole number from 0 to 2147483647")]
    public void A_list_that_gives_no_job_or_too_many_is_one_bad_line(string line, string expected)
    {
        var entries = Entries($$"""{{line}}{{"\n"}}{"prompt": "b", "seed": 1}""").ToList();

        Assert.StartsWith(expected, entries[0].Error!.Replace("index 2147483648 ", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Equal((2, "b"), (entries.Count, entries[1].Job?.Prompt));
    }

    [Fact]
    public void A_list_of_files_may_be_empty() => Assert.Single(Jobs("""{"prompt": "a", "lora": [], "scheduler_config": {}}"""));

    [Fact]
    public void The_numbers_of_jobs_have_an_end() => Assert.Equal(
        [2147483647, null, 5],
        Entries("""{"prompt": "a", "seed": 1, "index": 2147483647}{"prompt": "a", "seed": 1}{"prompt": "a", "seed": 1, "index": 5}""".Replace("}{", "}\n{", StringComparison.Ordinal))
            .Select(entry => entry.Job?.Index));

    [Theory]
    [InlineData("""{"prompt": "a", "num_images": 2, "picture": 2}""", "picture 2 must be a number from 0 to 1")]
    [InlineData("""{"prompt": "a", "picture": -1}""", "picture -1 must be a number from 0 to 0")]
    [InlineData("""{"prompt": "a", "num_images": 3, "picture": 1}""", null)]
    public void One_of_the_pictures_of_a_seed_can_be_asked_for(string line, string? expected)
    {
        var fields = Jobs(line).Single().Fields;

        IReadOnlyList<int> Pictures() => FieldTable.PicturesOf(fields, _options.Request(fields));

        if (expected is null)
        {
            Assert.Equal([1], Pictures());
        }
        else
        {
            Assert.StartsWith(expected, Assert.Throws<RequestException>(Pictures).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_line_overrides_a_default() =>
        Assert.Equal(["20", "30"], Jobs("apple --seed 1 --steps 20\npear --seed 1", ("steps", "30")).Select(job => job.Fields["steps"][0]));

    [Fact]
    public void A_bad_line_takes_one_number() =>
        Assert.Equal([0, 2], Jobs("apple --seed 1\nbad --x 1\npear --seed 1").Select(job => job.Index));

    [Fact]
    public void A_job_is_the_same_one_wherever_it_stands_and_whatever_its_file_is_called()
    {
        var alone = Jobs("apple --seed 5 --steps 20").Single().Id;

        Assert.Equal(alone, Jobs("pear\n{apple|plum} --seed 5 --output x.png", ("steps", "20"))[1].Id);
        Assert.NotEqual(alone, Jobs("apple --seed 5 --steps 21").Single().Id);
        Assert.Equal(16, alone.Length);
    }

    [Fact]
    public void A_seed_that_is_drawn_does_not_change_what_the_job_is()
    {
        var first = Jobs("apple --batch-count 3");
        var second = Jobs("apple --batch-count 3");

        Assert.Equal(first.Select(job => job.Id), second.Select(job => job.Id));
        Assert.Equal(3, first.Select(job => job.Id).Distinct().Count());
        Assert.NotEqual(first[0].Fields["seed"], second[0].Fields["seed"]);
    }

    private static List<BatchJob> Jobs(string text, params (string Field, string Value)[] defaults) => [.. Entries(text, defaults).Select(entry => entry.Job).OfType<BatchJob>()];

    private static IEnumerable<BatchEntry> Entries(string text, params (string Field, string Value)[] defaults) =>
        new JobSource(_options, new LineFields(defaults.Select(one => KeyValuePair.Create(one.Field, (IReadOnlyList<string>)[one.Value]))))
            .Jobs(new BatchReader(new StringReader(text), _options).Lines());
}
