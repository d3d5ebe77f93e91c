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
        ["DiT with a mask"] = ("dit", _class with { InitImage = _picture, Mask = _picture }, "Mask"),
        ["SD 3 with an original size"] = ("sd3", _cat with { OriginalSize = (64, 64) }, "OriginalSize"),
        ["SD 3 with too long a text for T5"] = ("sd3", _cat with { MaxSequenceLength = 513 }, "MaxSequenceLength"),
        ["SD 3 with no text for T5"] = ("sd3", _cat with { MaxSequenceLength = 0 }, "MaxSequenceLength"),
        ["SD 3 with a width that makes no patches"] = ("sd3", _cat with { Width = 72 }, "Width"),
        ["SD 3 with learnt words"] = ("sd3", _cat with { EmbeddingFolder = "words" }, "EmbeddingFolder"),
        ["SD 3 with a deep cache"] = ("sd3", _cat with { DeepCache = new DeepCache(2) }, "DeepCache"),
        ["Flux with DDIM"] = ("flux-dev", _cat with { Scheduler = "ddim" }, "Scheduler"),
        ["Flux with a third prompt"] = ("flux-dev", _cat with { Prompt3 = "pear" }, "Prompt3"),
        ["Flux with layers left out"] = ("flux-dev", _cat with { ClipSkip = 2 }, "ClipSkip"),
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

    private static readonly (string Property, Func<ImageRequest, ImageRequest> Ask)[] _asks =
    [
        ("Prompt", request => request with { Prompt = "1" }),
        ("NegativePrompt", request => request with { NegativePrompt = "dog" }),
        ("GuidanceScale", request => request with { GuidanceScale = 4 }),
        ("Prompt2", request => request with { Prompt2 = "pear" }),
        ("NegativePrompt2", request => request with { NegativePrompt2 = "dog" }),
        ("Prompt3", request => request with { Prompt3 = "pear" }),
        ("NegativePrompt3", request => request with { NegativePrompt3 = "dog" }),
        ("MaxSequenceLength", request => request with { MaxSequenceLength = 64 }),
        ("DistilledGuidance", request => request with { DistilledGuidance = 3 }),
        ("ClipSkip", request => request with { ClipSkip = 2 }),
        ("InitImage", request => request with { InitImage = _picture }),
        ("Mask", request => request with { InitImage = _picture, Mask = _picture }),
        ("OriginalSize", request => request with { OriginalSize = (64, 64) }),
        ("TargetSize", request => request with { TargetSize = (64, 64) }),
        ("Crop", request => request with { Crop = (8, 8) }),
        ("DeepCache", request => request with { DeepCache = new DeepCache(2) }),
        ("Loras", request => request with { Loras = [new Lora("a.safetensors")] }),
        ("Controls", request => request with { Controls = [new Control("canny", _picture)] }),
        ("Embeddings", request => request with { Embeddings = [new TextualInversion("a", "a.safetensors")] }),
        ("EmbeddingFolder", request => request with { EmbeddingFolder = "words" }),
        ("Seamless", request => request with { Seamless = true }),
    ];

    private const string StableDiffusion = "Prompt NegativePrompt GuidanceScale ClipSkip InitImage Mask DeepCache Loras Controls Embeddings EmbeddingFolder Seamless";
    private const string Flux = "Prompt NegativePrompt GuidanceScale Prompt2 NegativePrompt2 MaxSequenceLength InitImage Mask Loras";

    /// <summary>README's table of what the families can do; all else of the above is refused.</summary>
    [Theory]
    [InlineData("sd1", StableDiffusion)]
    [InlineData("sd2", StableDiffusion)]
    [InlineData("lcm", StableDiffusion)]
    [InlineData("inpaint", StableDiffusion)]
    [InlineData("sdxl", StableDiffusion + " Prompt2 NegativePrompt2 OriginalSize TargetSize Crop")]
    [InlineData("sd3", "Prompt NegativePrompt GuidanceScale Prompt2 NegativePrompt2 Prompt3 NegativePrompt3 MaxSequenceLength ClipSkip InitImage Mask Loras")]
    [InlineData("sd3-no-t5", "Prompt NegativePrompt GuidanceScale Prompt2 NegativePrompt2 MaxSequenceLength ClipSkip InitImage Mask Loras")]
    [InlineData("flux-dev", Flux + " DistilledGuidance")]
    [InlineData("flux-schnell", Flux)]
    [InlineData("dit", "Prompt GuidanceScale InitImage")]
    [InlineData("ldm-bert", "Prompt NegativePrompt GuidanceScale InitImage")]
    [InlineData("ldm-uncond", "")]
    public void A_family_does_what_it_can_and_refuses_the_rest_in_one_line(string model, string can)
    {
        var folder = Open(model);
        var plain = RequestFor(model) with { GuidanceScale = can.Contains("DistilledGuidance", StringComparison.Ordinal) || model == "flux-schnell" ? 2 : null };
        var allowed = can.Split(' ').ToHashSet();
        Assert.All(_asks, one =>
        {
            if (allowed.Contains(one.Property))
            {
                GenerationPlan.Of(one.Ask(plain), folder);
                return;
            }

            var error = Assert.Throws<RequestException>(() => GenerationPlan.Of(one.Ask(plain), folder));
            Assert.Contains(one.Property, error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(error.Message, char.IsControl);
        });
    }

    /// <summary>Flow models are sampled with flow matching alone, all others with anything else.</summary>
    [Theory]
    [InlineData("sd1", false)]
    [InlineData("sd2", false)]
    [InlineData("sdxl", false)]
    [InlineData("lcm", false)]
    [InlineData("inpaint", false)]
    [InlineData("dit", false)]
    [InlineData("ldm-bert", false)]
    [InlineData("ldm-uncond", false)]
    [InlineData("sd3", true)]
    [InlineData("flux-dev", true)]
    [InlineData("flux-schnell", true)]
    public void Schedulers_that_a_family_cannot_use_are_refused_by_name(string model, bool isFlow)
    {
        var folder = Open(model);
        Assert.All(SchedulerTable.Entries, entry =>
        {
            var request = RequestFor(model) with { Scheduler = entry.Name };
            if ((entry.Name == "flow") == isFlow)
            {
                GenerationPlan.Of(request, folder);
                return;
            }

            var error = Assert.Throws<RequestException>(() => GenerationPlan.Of(request, folder));
            Assert.Equal("Scheduler", error.Parameter);
            Assert.DoesNotContain(error.Message, char.IsControl);
        });
    }

    private static ModelFolder Open(string model) => ModelFolder.Open(
        FamilyGoldens.ModelNamed(model));

    private static ImageRequest RequestFor(string model) => model switch
    {
        "dit" => _class with { Steps = 4 },
        "ldm-uncond" => _nothing with { Steps = 4 },
        "inpaint" => _cat with { Steps = 4, InitImage = _picture, Mask = _picture },
        _ => _cat with { Steps = 4 },
    };
}
