using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary>The defaults of diffusers' pipelines, by the family that a folder shows itself to be of.</summary>
public class GenerationDefaultsTests
{
    [Theory]
    // The last column is the strength with a mask: StableDiffusionInpaintPipeline's and StableDiffusionXLInpaintPipeline's.
    [InlineData("sd1", 50, 7.5, 0.8, 1)]
    [InlineData("sd2", 50, 7.5, 0.8, 1)]
    [InlineData("turbo", 4, 0, 0.5, 1)]
    [InlineData("lcm", 4, 8.5, 0.8, 1)]
    [InlineData("inpaint", 50, 7.5, 1, 1)]
    public void A_family_has_its_defaults(string model, int steps, double guidanceScale, double strength, double inpainting) =>
        Assert.Equal(
            new GenerationDefaults(steps, guidanceScale, strength) { InpaintingStrength = inpainting },
            ModelFolder.Open(Goldens.PathOf("models", model)).Defaults);

    [Fact]
    public void Stable_Diffusion_XL_has_other_defaults_with_a_mask() => Assert.Equal(
        new GenerationDefaults(50, 5, 0.3) { InpaintingStrength = 0.9999, InpaintingGuidanceScale = 7.5 }, ModelFolder.Open(Goldens.PathOf("models", "sdxl")).Defaults);

    [Fact]
    public void A_model_of_Stable_Diffusion_XL_made_for_inpainting_has_the_defaults_of_its_pipeline()
    {
        using var copy = new TemporaryFolder();
        copy.Fill(Goldens.PathOf("models", "sdxl"));

        // Nine channels: the UNet of the inpainting model, which the folder's configuration is read for only.
        File.Copy(Goldens.PathOf("models", "inpaint", "unet", "model.onnx"), copy.PathOf("unet/model.onnx"), overwrite: true);

        Assert.Equal(new GenerationDefaults(50, 7.5, 0.9999) { InpaintingStrength = 0.9999, InpaintingGuidanceScale = 7.5 }, ModelFolder.Open(copy.Path).Defaults);
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

    // The signatures of diffusers' pipelines: text to image, Img2Img, Inpaint.
    [Theory]
    [InlineData("sdxl", "text", 50, 5)]
    [InlineData("sdxl", "picture", 50, 5)]
    [InlineData("sdxl", "mask", 50, 7.5)]
    [InlineData("sd1", "mask", 50, 7.5)]
    [InlineData("sd3", "text", 28, 7)]
    [InlineData("sd3", "picture", 50, 7)]
    [InlineData("flux-dev", "picture", 28, 1)]
    public void Steps_and_guidance_are_those_of_the_pipeline_for_what_is_given(string model, string given, int steps, double scale)
    {
        var picture = new RgbImage(64, 64, new byte[64 * 64 * 3]);
        var request = new ImageRequest { Prompt = "a cat", InitImage = given == "text" ? null : picture, Mask = given == "mask" ? picture : null };

        var plan = GenerationPlan.Of(request, ModelFolder.Open(Folder(model)));

        Assert.Equal((steps, scale), (plan.Steps, plan.Scale));
    }

    // force_zeros_for_empty_prompt: bool = True in StableDiffusionXLPipeline.__init__; the other pipelines do not have it.
    [Theory]
    [InlineData("sdxl", null, true)]
    [InlineData("sdxl", false, false)]
    [InlineData("sd1", null, false)]
    public void A_prompt_that_is_not_given_is_zeros_for_SDXL_unless_its_index_says_otherwise(string model, bool? said, bool expected)
    {
        using var copy = new TemporaryFolder();
        copy.Fill(Goldens.PathOf("models", model));
        var entries = JsonNode.Parse(File.ReadAllText(copy.PathOf("model_index.json")))!.AsObject();
        entries.Remove("force_zeros_for_empty_prompt");
        if (said is { } flag)
        {
            entries["force_zeros_for_empty_prompt"] = flag;
        }

        File.WriteAllText(copy.PathOf("model_index.json"), entries.ToJsonString());
        Assert.Equal(expected, ModelFolder.Open(copy.Path).ForceZerosForEmptyPrompt);

        File.Delete(copy.PathOf("model_index.json"));
        Assert.Equal(model == "sdxl", ModelFolder.Open(copy.Path).ForceZerosForEmptyPrompt);
    }

    // LatentConsistencyModelImg2ImgPipeline hands strength to the scheduler; StableDiffusionImg2ImgPipeline leaves steps out.
    [Theory]
    [InlineData("lcm", null, 4)]
    [InlineData("lcm", "ddim", 2)]
    [InlineData("sd1", "lcm", 2)]
    public void A_latent_consistency_model_takes_all_steps_from_a_picture(string model, string? scheduler, int calls)
    {
        var request = new ImageRequest { Prompt = "a cat", InitImage = new RgbImage(64, 64, new byte[64 * 64 * 3]), Strength = 0.5, Steps = 4, Scheduler = scheduler };

        Assert.Equal(calls, GenerationPlan.Of(request, ModelFolder.Open(Goldens.PathOf("models", model))).Calls);
    }

    // StableDiffusionPipeline mends steps_offset and clip_sample, StableDiffusionInpaintPipeline steps_offset and skip_prk_steps, LatentConsistencyModelPipeline nothing.
    [Theory]
    [InlineData("sd1", false, 1, false, false)]
    [InlineData("sd1", true, 1, true, true)]
    [InlineData("inpaint", true, 1, true, true)]
    [InlineData("lcm", false, 0, true, false)]
    public void Old_schedulers_are_mended_as_the_pipeline_does(string model, bool hasMask, int offset, bool clips, bool skips)
    {
        using var copy = new TemporaryFolder();
        copy.Fill(Goldens.PathOf("models", model));
        File.WriteAllText(copy.PathOf("scheduler/scheduler_config.json"), """{"_class_name": "PNDMScheduler", "steps_offset": 0, "clip_sample": true}""");
        var picture = new RgbImage(64, 64, new byte[64 * 64 * 3]);
        var request = new ImageRequest { Prompt = "a cat", Steps = 5, InitImage = hasMask ? picture : null, Mask = hasMask ? picture : null };

        SchedulerConfig Of(string? scheduler) => GenerationPlan.Of(request with { Scheduler = scheduler }, ModelFolder.Open(copy.Path)).Scheduler.Config;

        Assert.Equal((offset, skips), (Of(null).Whole("steps_offset"), Of(null).Flag("skip_prk_steps")));
        Assert.Equal((offset, clips), (Of("ddim").Whole("steps_offset"), Of("ddim").Flag("clip_sample")));
    }

    private static string Folder(string model) =>
        FamilyGoldens.ModelNamed(model);

    [Fact]
    public void The_file_of_a_folder_comes_first() =>
        Assert.Equal(
            new GenerationDefaults(25, 2.5, 0.6) { StepsFromPicture = 25, InpaintingStrength = 0.6, InpaintingGuidanceScale = 2.5 }, ModelFolder.Open(Path.Combine(Repository.Root, "models", "emoji-256")).Defaults);
}
