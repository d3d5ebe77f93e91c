namespace StableDiffusion.Tests;

/// <summary>diffusers' encode_prompt of SDXL, SD 3 and Flux: <c>prompt_2 = prompt_2 or prompt</c>, and so on for each further text.</summary>
public sealed class FurtherTextTests(Pipelines pipelines) : IClassFixture<Pipelines>
{
    [Theory]
    [InlineData("sdxl")]
    [InlineData("sd3")]
    [InlineData("flux-dev")]
    public void An_empty_text_for_a_further_encoder_is_the_first_encoder_s(string model)
    {
        var pipeline = pipelines.In(FamilyGoldens.ModelNamed(model));
        var hasThird = model == "sd3";
        var without = new ImageRequest { Prompt = "a red robot", NegativePrompt = "blue horse", Steps = 2, GuidanceScale = 3, Width = 64, Height = 64, Seeds = [1] };
        var empty = without with { Prompt2 = "", NegativePrompt2 = "", Prompt3 = hasThird ? "" : null, NegativePrompt3 = hasThird ? "" : null };
        List<ImageRequest> others = [without with { Prompt2 = "forest" }, without with { NegativePrompt2 = "forest" }];
        others.AddRange(hasThird ? [without with { Prompt3 = "forest" }, without with { NegativePrompt3 = "forest" }] : []);

        var expected = Paint(without);

        Assert.Equal(0, Differences.Largest(Paint(empty), expected));
        Assert.All(others, other => Assert.True(Differences.Largest(Paint(other), expected) > 0, "a further text changes nothing"));

        RgbImage Paint(ImageRequest request) => pipeline.Generate(request).Single().Image;
    }
}
