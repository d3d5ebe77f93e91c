namespace StableDiffusion.Tests;

/// <summary>Options without effect, row by row, and prompts that other programs read otherwise.</summary>
public class SurprisesTests
{
    private const string OfFlux = "guidance of Flux";
    private const string OfSDXL = "second negative of SDXL";
    private const string OfSD3 = "third negative of SD 3";

    private static readonly ModelFolder _folder = ModelFolder.Open(Goldens.PathOf("models", "sd1"));

    private static readonly ImageRequest _plain = new() { Prompt = "a cat" };

    private static readonly ModelFolder _sdxl = ModelFolder.Open(Goldens.PathOf("models", "sdxl"));

    private static readonly ModelFolder _sd3 = ModelFolder.Open(FamilyGoldens.PathOf("models", "sd3"));

    private static readonly ModelFolder _flux = ModelFolder.Open(FamilyGoldens.PathOf("models", "flux-dev"));

    public static TheoryData<string, ImageRequest, string> Cases { get; } = new()
    {
        { "negative", _plain with { NegativePrompt = "blurry", GuidanceScale = 1 }, "the negative prompt changes nothing: guidance is off at scale 1." },
        { "rescale", _plain with { GuidanceRescale = 0.5, GuidanceScale = 0.5 }, "guidance rescale changes nothing" },
        { "start", _plain with { GuidanceStart = 0.2, GuidanceScale = 1 }, "the start of guidance changes nothing" },
        { "end", _plain with { GuidanceEnd = 0.8, GuidanceScale = 1 }, "the end of guidance changes nothing" },
        { "every", _plain with { GuidanceEvery = 2, GuidanceScale = 1 }, "the interval of guidance changes nothing" },
        { "black mask", _plain with { InitImage = Grey(200), Mask = Grey(0) }, "the mask has no light place" },
        { "white mask", _plain with { InitImage = Grey(200), Mask = Grey(255) }, "the mask is light all over" },
        { "editing", _plain with { Prompt = "a [cat:dog:0.5]" }, "'[cat:dog:0.5]', which other programs read as an instruction" },
        { "alternation", _plain with { Prompt = "a [cat|dog]" }, "'[cat|dog]'" },
        { "composition", _plain with { Prompt = "a cat AND a dog" }, "'AND'" },
        { "network", _plain with { Prompt = "a cat <lyco:x:1>" }, "'<lyco:x:1>'" },
        { "negative editing", _plain with { NegativePrompt = "[a:0.3]" }, "the negative prompt has '[a:0.3]'" },
        { OfSD3, _plain with { NegativePrompt3 = "blurry", GuidanceScale = 1 }, "the negative prompt changes nothing: guidance is off at scale 1." },
        { OfSDXL, _plain with { NegativePrompt2 = "blurry" }, "the second encoder's negative prompt changes nothing" },
        { OfFlux, _plain with { GuidanceScale = 3 }, "the guidance scale 3 changes nothing" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void What_has_no_effect_is_said(string name, ImageRequest request, string expected)
    {
        var said = Surprises.Of(PlanOf(name, request)).ToList();
        Assert.Contains(expected, Assert.Single(said), StringComparison.Ordinal);
        Assert.NotEmpty(name);
    }

    // FluxPipeline: do_true_cfg = true_cfg_scale > 1 and has_neg_prompt.
    [Fact]
    public void Flux_is_guided_where_there_is_a_negative_prompt_and_says_so_where_there_is_none()
    {
        var without = GenerationPlan.Of(_plain with { GuidanceScale = 3 }, _flux);
        var with = GenerationPlan.Of(_plain with { GuidanceScale = 3, NegativePrompt = "" }, _flux);

        Assert.Equal((false, true), (without.Guidance.IsOn, with.Guidance.IsOn));
        Assert.Contains("the guidance scale 3 changes nothing", Assert.Single(Surprises.Of(without)), StringComparison.Ordinal);
        Assert.Empty(Surprises.Of(with));
        Assert.Empty(Surprises.Of(GenerationPlan.Of(_plain with { NegativePrompt = "" }, _flux)));
        Assert.Contains("the negative prompt changes nothing: guidance is off", Assert.Single(Surprises.Of(GenerationPlan.Of(_plain with { NegativePrompt = "dog" }, _flux))), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_row_has_a_case() => Assert.Equal(Surprises.Rows.Count, Cases.Select(row => Surprises.Rows.Single(one => one.Holds(PlanOf(row.Data.Item1, row.Data.Item2)))).Distinct().Count());

    [Theory]
    [InlineData("a (red:1.2) cat, [blurry], BREAK a dog")]
    [InlineData("SAND and LAND, a HANDBAG")]
    [InlineData("a cat: the [movie]")]
    public void What_is_understood_is_not_remarked_on(string prompt) =>
        Assert.Empty(Surprises.Of(GenerationPlan.Of(_plain with { Prompt = prompt, NegativePrompt = "blurry", Eta = 0.5, Scheduler = "ddim" }, _folder)));

    private static GenerationPlan PlanOf(string name, ImageRequest request) => GenerationPlan.Of(request, name switch { OfFlux => _flux, OfSDXL => _sdxl, OfSD3 => _sd3, _ => _folder });

    private static RgbImage Grey(byte value) => new(64, 64, [.. Enumerable.Repeat(value, 64 * 64 * 3)]);
}
