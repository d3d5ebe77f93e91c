namespace StableDiffusion.Tests;

/// <summary>The defaults of diffusers' pipelines, by the family that a folder shows itself to be of.</summary>
public class GenerationDefaultsTests
{
    [Theory]
    // The last column is the strength with a mask: StableDiffusionInpaintPipeline's and StableDiffusionXLInpaintPipeline's.
    [InlineData("sd1", 50, 7.5, 0.8, 1)]
    [InlineData("sd2", 50, 7.5, 0.8, 1)]
    [InlineData("sdxl", 50, 5, 0.3, 0.9999)]
    [InlineData("turbo", 4, 0, 0.5, 1)]
    [InlineData("lcm", 4, 8.5, 0.8, 1)]
    [InlineData("inpaint", 50, 7.5, 1, 1)]
    public void A_family_has_its_defaults(string model, int steps, double guidanceScale, double strength, double inpainting) =>
        Assert.Equal(
            new GenerationDefaults(steps, guidanceScale, strength) { InpaintingStrength = inpainting },
            ModelFolder.Open(Goldens.PathOf("models", model)).Defaults);

    [Fact]
    public void A_model_of_Stable_Diffusion_XL_made_for_inpainting_has_the_defaults_of_its_pipeline()
    {
        using var copy = new TemporaryFolder();
        copy.Fill(Goldens.PathOf("models", "sdxl"));

        // Nine channels: the UNet of the inpainting model, which the folder's configuration is read for only.
        File.Copy(Goldens.PathOf("models", "inpaint", "unet", "model.onnx"), copy.PathOf("unet/model.onnx"), overwrite: true);

        Assert.Equal(new GenerationDefaults(50, 7.5, 0.9999) { InpaintingStrength = 0.9999 }, ModelFolder.Open(copy.Path).Defaults);
    }

    [Theory]
    [InlineData(false, 0.8)]
    [InlineData(true, 1.0)]
    public void A_mask_decides_the_strength_of_a_request_that_leaves_it_open(bool hasMask, double expected)
    {
        var picture = new RgbImage(64, 64, new byte[64 * 64 * 3]);
        var request = new ImageRequest { Prompt = "a cat", InitImage = picture, Mask = hasMask ? picture : null };

        Assert.Equal(expected, GenerationPlan.Of(request, ModelFolder.Open(Goldens.PathOf("models", "sd1"))).Strength);
    }

    [Fact]
    public void The_file_of_a_folder_comes_first() =>
        Assert.Equal(
            new GenerationDefaults(25, 2.5, 0.6) { InpaintingStrength = 0.6 }, ModelFolder.Open(Path.Combine(Repository.Root, "models", "emoji-256")).Defaults);
}
