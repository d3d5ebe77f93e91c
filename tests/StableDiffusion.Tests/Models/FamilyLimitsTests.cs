namespace StableDiffusion.Tests;

/// <summary>What a family cannot do is refused before anything runs, in one line that names what was asked for.</summary>
public sealed class FamilyLimitsTests(Pipelines pipelines) : IClassFixture<Pipelines>
{
    private static readonly ImageRequest _cat = new() { Prompt = "a cat", Steps = 1 };
    private static readonly ImageRequest _class = _cat with { Prompt = "1" };
    private static readonly ImageRequest _nothing = _cat with { Prompt = "" };
    private static readonly RgbImage _picture = new(64, 64, new byte[64 * 64 * 3]);

    private static readonly Dictionary<string, (string Model, ImageRequest Request, string Property)> _refused = new()
    {
        ["SD 3 with Euler"] = ("sd3", _cat with { Scheduler = "euler" }, "Scheduler"),
        ["SD 3 with distilled guidance"] = ("sd3", _cat with { DistilledGuidance = 3 }, "DistilledGuidance"),
        ["SD 3 with a mask"] = ("sd3", _cat with { InitImage = _picture, Mask = _picture }, "Mask"),
        ["SD 3 with an original size"] = ("sd3", _cat with { OriginalSize = (64, 64) }, "OriginalSize"),
        ["SD 3 with too long a text for T5"] = ("sd3", _cat with { MaxSequenceLength = 513 }, "MaxSequenceLength"),
        ["SD 3 with no text for T5"] = ("sd3", _cat with { MaxSequenceLength = 0 }, "MaxSequenceLength"),
        ["SD 3 with a width that makes no patches"] = ("sd3", _cat with { Width = 72 }, "Width"),
        ["SD 3 with learnt words"] = ("sd3", _cat with { EmbeddingFolder = "words" }, "EmbeddingFolder"),
        ["Flux with DDIM"] = ("flux-dev", _cat with { Scheduler = "ddim" }, "Scheduler"),
        ["Flux with a third prompt"] = ("flux-dev", _cat with { Prompt3 = "pear" }, "Prompt3"),
        ["Flux with layers left out"] = ("flux-dev", _cat with { ClipSkip = 2 }, "ClipSkip"),
        ["Flux with a negative prompt and no guidance"] = ("flux-dev", _cat with { NegativePrompt = "dog" }, "NegativePrompt"),
        ["Flux schnell with distilled guidance"] = ("flux-schnell", _cat with { DistilledGuidance = 3 }, "DistilledGuidance"),
        ["DiT with a flow scheduler"] = ("dit", _class with { Scheduler = "flow" }, "Scheduler"),
        ["DiT with a class that is none"] = ("dit", _cat with { Prompt = "unicorn" }, "Prompt"),
        ["DiT with a number that is none"] = ("dit", _cat with { Prompt = "1000" }, "Prompt"),
        ["DiT with a negative prompt"] = ("dit", _class with { NegativePrompt = "dog" }, "NegativePrompt"),
        ["DiT at another size"] = ("dit", _class with { Width = 128 }, "Width"),
        ["BERT with a second prompt"] = ("ldm-bert", _cat with { Prompt2 = "pear" }, "Prompt2"),
        ["BERT with a flow scheduler"] = ("ldm-bert", _cat with { Scheduler = "flow" }, "Scheduler"),
        ["BERT with layers left out"] = ("ldm-bert", _cat with { ClipSkip = 2 }, "ClipSkip"),
        ["a text for a model that reads none"] = ("ldm-uncond", _cat, "Prompt"),
        ["guidance for a model without texts"] = ("ldm-uncond", _nothing with { GuidanceScale = 5 }, "GuidanceScale"),
        ["a picture for a model without encoder"] = ("ldm-uncond", _nothing with { InitImage = _picture }, "InitImage"),
    };

    public static TheoryData<string> Cases => [.. _refused.Keys];

    [Theory]
    [MemberData(nameof(Cases))]
    public void What_a_family_cannot_do_is_refused_in_one_line(string what)
    {
        var (model, request, property) = _refused[what];
        var error = Assert.Throws<RequestException>(() => pipelines.In(FamilyGoldens.PathOf("models", model)).Generate(request));

        Assert.Equal(property, error.Parameter);
        Assert.DoesNotContain('\n', error.Message);
    }
}
