using System.Globalization;
using FsCheck;
using FsCheck.Fluent;

namespace StableDiffusion.Tests;

public class GenerationParametersTests
{
    [Fact]
    public void The_text_is_the_webui_s()
    {
        var parameters = new GenerationParameters
        {
            Prompt = "a red apple,\n3d render",
            NegativePrompt = "blurry",
            Steps = 20,
            Sampler = "DPM++ 2M",
            ScheduleType = "Karras",
            CfgScale = 7.5,
            Seed = ulong.MaxValue,
            Width = 512,
            Height = 768,
            Model = "my, model",
            DenoisingStrength = 0.75,
            ClipSkip = 2,
            Rng = "CPU",
            Extra = [new("Eta", "0.5"), new("Guidance rescale", "0.7")],
            Version = "StableDiffusion.Cli 0.1.0",
        };

        Assert.Equal(
            """
            a red apple,
            3d render
            Negative prompt: blurry
            Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 18446744073709551615, Size: 512x768, Model: "my, model", Denoising strength: 0.75, Clip skip: 2, RNG: CPU, Eta: 0.5, Guidance rescale: 0.7, Version: StableDiffusion.Cli 0.1.0
            """,
            parameters.ToInfotext());
    }

    [Fact]
    public void What_is_empty_or_usual_is_left_out() =>
        Assert.Equal("apple\nSteps: 1, CFG scale: 7", new GenerationParameters { Prompt = "apple", Steps = 1, CfgScale = 7, ClipSkip = 1, Sampler = "" }.ToInfotext());

    // The example in the webui's own parse_generation_parameters
    [Fact]
    public void A_text_of_the_webui_is_read()
    {
        Assert.True(GenerationParameters.TryParse(
            """
            girl with an artist's beret, determined
            Negative prompt: ugly, fat, [blurry]
            bad anatomy
            Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 965400086, Size: 512x512, Model hash: 45dee52b, Lora hashes: "a: 1, b: 2", Steps: 99
            """,
            out var read));

        Assert.Equal("girl with an artist's beret, determined", read.Prompt);
        Assert.Equal("ugly, fat, [blurry]\nbad anatomy", read.NegativePrompt);
        Assert.Equal((20, "Euler a", 7.0, 965400086UL), (read.Steps, read.Sampler, read.CfgScale, read.Seed));
        Assert.Equal((512, 512, "45dee52b"), (read.Width, read.Height, read.ModelHash));
        Assert.Null(read.Rng);
        Assert.Equal([new("Lora hashes", "a: 1, b: 2"), new("Steps", "99")], read.Extra);
    }

    // parse_generation_parameters strips each line before it looks for the words
    [Theory]
    [InlineData("a cat\n  Negative prompt: dog", "a cat", "dog")]
    [InlineData("a cat\n\tNegative prompt:dog\r", "a cat", "dog")]
    [InlineData("a cat\nNegative prompt: dog\nNegative prompt: bird\n fish", "a cat", "dog\nbird\n fish")]
    [InlineData("Negative prompt: dog", "", "dog")]
    [InlineData("a cat\nNegative prompt:\ndog", "a cat", "dog")]
    [InlineData("a Negative prompt: dog\n  cat", "a Negative prompt: dog\n  cat", "")]
    public void A_line_of_the_negative_prompt_is_found_however_it_is_indented(string prompts, string prompt, string negative)
    {
        Assert.True(GenerationParameters.TryParse(prompts + "\nSteps: 20, Sampler: Euler a, CFG scale: 7", out var read));

        Assert.Equal((prompt, negative.Trim()), (read.Prompt, read.NegativePrompt.Trim()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("just a prompt")]
    [InlineData("a prompt\nSteps: 20, Seed: 1")]
    public void Fewer_than_three_fields_are_none(string text) => Assert.False(GenerationParameters.TryParse(text, out _));

    [Fact]
    public void A_value_that_is_not_what_its_name_promises_is_kept_as_text()
    {
        Assert.True(GenerationParameters.TryParse("Steps: many, Size: big, Seed: -1", out var read));

        Assert.Equal([new("Steps", "many"), new("Size", "big"), new("Seed", "-1")], read.Extra);
    }

    [Fact]
    public void A_name_that_no_reader_would_see_is_refused() =>
        Assert.Throws<ArgumentException>(static () => new GenerationParameters { Extra = [new("a:b", "c")] }.ToInfotext());

    [Fact]
    public void What_is_written_reads_back_the_same()
    {
        Prop.ForAll(AnyParameters().ToArbitrary(), static given =>
        {
            var text = given.ToInfotext();
            Assert.True(GenerationParameters.TryParse(text, out var read), text);
            Assert.Equal(given.Extra, read.Extra);
            Assert.Equal(given with { Extra = [], ClipSkip = given.ClipSkip > 1 ? given.ClipSkip : null }, read with { Extra = [] });
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));
    }

    [Fact]
    public void Any_text_is_parsed_or_not_and_nothing_else()
    {
        var pieces = Gen.Elements("Steps: ", "Seed", ":", ",", "\"", "\\", "\n", "Negative prompt:", "1", "512x512", " ", "\uD800", "あ", "\"\\ud800\"", "Size: ", "x");
        Prop.ForAll(pieces.ListOf().Select(static parts => string.Concat(parts)).ToArbitrary(), static text =>
        {
            var fields = GenerationParameters.TryParse(text, out var read);
            return fields || read == new GenerationParameters();
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Fact(Timeout = 300_000)]
    public Task A_long_line_takes_no_long_time() => Task.Run(static () =>
    {
        Assert.False(GenerationParameters.TryParse(new string('a', 1_000_000), out _));
        Assert.True(GenerationParameters.TryParse(string.Concat(Enumerable.Repeat("Steps: 1, ", 100_000)), out _));
    });

    // The webui's pattern and JSON, in Python
    [Fact]
    public void The_webui_s_pattern_in_Python_sees_the_same_fields()
    {
        var parameters = new GenerationParameters
        {
            Prompt = "apple",
            Steps = 3,
            Sampler = "a \"quoted\", back\\slash: name",
            Seed = 7,
            Model = "りんご\tand\u0001more: x",
            Extra = [new("Plain", "\"starts with a quote"), new("Spaces", " around ")],
        };
        var lastLine = parameters.ToInfotext().Split('\n')[^1];

        var seen = Pillow.Run(
            """
            import json, re, sys
            for k, v in re.findall(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)', sys.argv[1]):
                print(ascii((k, json.loads(v) if v[0] == '"' and v[-1] == '"' else v)))
            """,
            lastLine);

        Assert.Equal(
            """
            ('Steps', '3')
            ('Sampler', 'a "quoted", back\\slash: name')
            ('Seed', '7')
            ('Model', '\u308a\u3093\u3054\tand\x01more: x')
            ('Plain', '"starts with a quote')
            ('Spaces', ' around ')
            """,
            seen);
    }

    private static Gen<GenerationParameters> AnyParameters()
    {
        var any = ArbMap.Default.GeneratorFor<string>().Select(static text => text ?? "");
        var special = Gen.Elements("a, b", "x: y", "\"", "\"q\"", "\\", "\n", " ", "りんご", "Steps: 5, Seed: 3, Size: 1x1", "end\\", "\u2028");
        var text = Gen.OneOf(any, special, from first in special from second in any from third in special select first + second + third).Where(IsUnicode);
        var prompt = text.Select(static words => words.Trim().Replace("Negative prompt:", "", StringComparison.Ordinal));
        var value = text.Where(static words => words.Length > 0);
        var optional = Gen.OneOf(value, Gen.Constant<string>(null!));
        return
            from positive in prompt
            from negative in prompt
            from sampler in value
            from schedule in optional
            from model in optional
            from rng in optional
            from version in optional
            from seed in ArbMap.Default.GeneratorFor<ulong>()
            from scale in ArbMap.Default.GeneratorFor<NormalFloat>()
            from strength in Gen.Choose(0, 100)
            from skip in Gen.Choose(1, 12)
            from extra in value.ListOf()
            select new GenerationParameters
            {
                Prompt = positive,
                NegativePrompt = negative,
                Steps = 20,
                Sampler = sampler,
                ScheduleType = schedule,
                CfgScale = scale.Get,
                Seed = seed,
                Width = 64,
                Height = 72,
                Model = model,
                DenoisingStrength = strength / 100.0,
                ClipSkip = skip,
                Rng = rng,
                Extra = [.. extra.Select(static (words, i) => KeyValuePair.Create(string.Create(CultureInfo.InvariantCulture, $"Extra {i}"), words))],
                Version = version,
            };
    }

    private static bool IsUnicode(string text) => System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text)) == text;
}
