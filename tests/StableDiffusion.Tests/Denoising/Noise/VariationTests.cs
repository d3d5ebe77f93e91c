using System.Text.Json;

namespace StableDiffusion.Tests;

/// <summary>Noise that is turned towards other noise, against the webui's slerp in torch (make_slerp_golden.py).</summary>
public sealed class VariationTests(Pipelines pipelines) : IClassFixture<Pipelines>
{
    private static readonly JsonElement[] _cases =
        [.. JsonDocument.Parse(File.ReadAllText(Path.Combine(Repository.Root, "tests", "StableDiffusion.Tests", "Denoising", "Noise", "slerp-golden.json"))).RootElement.EnumerateArray()];

    public static TheoryData<int> Cases => [.. Enumerable.Range(0, _cases.Length)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Noise_is_turned_as_the_webui_turns_it(int number)
    {
        var golden = _cases[number];
        int[] shape = [.. golden.GetProperty("shape").EnumerateArray().Select(size => size.GetInt32())];
        var noise = Floats(golden, "low");

        Variation.Turn(noise, Floats(golden, "high"), golden.GetProperty("strength").GetDouble(), shape[1], shape[2]);

        Assert.InRange(Differences.Largest(noise, Floats(golden, "result")), 0, 1e-5);
    }

    [Fact]
    public void A_variation_leads_from_one_seeds_picture_to_the_others_and_further_pictures_count_it_up()
    {
        var request = new ImageRequest { Prompt = "a castle", Steps = 2, Seeds = [5], Width = 64, Height = 64 };
        float[] Latents(ImageRequest one) => pipelines.Of("sd1").Generate(one).Last().Latents.Values;

        Assert.Equal(Latents(request), Latents(request with { VariationSeed = 9, VariationStrength = 0 }));
        Assert.InRange(Differences.Largest(Latents(request with { VariationSeed = 9, VariationStrength = 1 }), Latents(request with { Seeds = [9] })), 0, 1e-3);
        Assert.Equal(
            Latents(request with { VariationSeed = 10, VariationStrength = 0.2 }),
            Latents(request with { Seeds = [5, 5], VariationSeed = 9, VariationStrength = 0.2 }));
        var described = pipelines.Of("sd1").Generate(request with { VariationSeed = 9, VariationStrength = 0.2 }).Single().Parameters.ToInfotext();
        Assert.Contains("Variation seed: 9, Variation seed strength: 0.2", described, StringComparison.Ordinal);
    }

    [Fact]
    public void How_far_to_go_to_no_seed_is_refused()
    {
        var request = new ImageRequest { Prompt = "", VariationStrength = 0.2 };

        Assert.Equal(
            "VariationStrength says how far to go to VariationSeed; give it.",
            Assert.Throws<RequestException>(() => pipelines.Of("sd1").Generate(request)).Message);
    }

    private static float[] Floats(JsonElement golden, string key) => [.. golden.GetProperty(key).EnumerateArray().Select(value => value.GetSingle())];
}
