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
        new GenerationDefaults(50, 5, 0.3) { ControlledStrength = 0.8, InpaintingStrength = 0.9999, InpaintingGuidanceScale = 7.5 }, ModelFolder.Open(Goldens.PathOf("models", "sdxl")).Defaults);

    [Fact]
    public void A_model_of_Stable_Diffusion_XL_made_for_inpainting_has_the_defaults_of_its_pipeline()
    {
        using var copy = new TemporaryFolder();
        copy.Fill(Goldens.PathOf("models", "sdxl"));

        // Nine channels: the UNet of the inpainting model, which the folder's configuration is read for only.
        File.Copy(Goldens.PathOf("models", "inpaint", "unet", "model.onnx"), copy.PathOf("unet/model.onnx"), overwrite: true);

        Assert.Equal(new GenerationDefaults(50, 7.5, 0.9999) { ControlledStrength = 0.8, InpaintingStrength = 0.9999, InpaintingGuidanceScale = 7.5 }, ModelFolder.Open(copy.Path).Defaults);
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

    /// <summary>The signatures of diffusers' Img2Img and Inpaint pipelines, and of those with a ControlNet.</summary>
    [Theory]
    [InlineData("sdxl", false, false, 0.3, 5)]
    [InlineData("sdxl", false, true, 0.8, 5)]
    [InlineData("sdxl", true, false, 0.9999, 7.5)]
    [InlineData("sdxl", true, true, 0.9999, 5)]
    [InlineData("sd1", false, true, 0.8, 7.5)]
    [InlineData("sd1", true, true, 1, 7.5)]
    [InlineData("sd3", false, false, 0.6, 7)]
    [InlineData("flux-dev", false, false, 0.6, 1)]
    [InlineData("sd3", true, false, 0.6, 7)]
    [InlineData("flux-dev", true, false, 0.6, 1)]
    public void Strength_and_guidance_are_those_of_the_pipeline_with_and_without_a_mask_and_a_ControlNet(string model, bool hasMask, bool hasControl, double strength, double scale)
    {
        var picture = new RgbImage(64, 64, new byte[64 * 64 * 3]);
        var request = new ImageRequest { Prompt = "a cat", InitImage = picture, Mask = hasMask ? picture : null, Controls = hasControl ? [new Control("canny", picture)] : [] };

        var plan = GenerationPlan.Of(request, ModelFolder.Open(Folder(model)));

        Assert.Equal((strength, scale), (plan.Strength, plan.Scale));
    }

    /// <summary>diffusers' StableDiffusionControlNetPipeline takes the size of the picture that leads it, and the scheduler as it is.</summary>
    [Fact]
    public void A_ControlNet_s_picture_says_the_size_and_leaves_an_old_scheduler_as_it_is()
    {
        using var copy = new TemporaryFolder();
        copy.Fill(Goldens.PathOf("models", "sd1"));
        File.WriteAllText(copy.PathOf("scheduler/scheduler_config.json"), """{"_class_name": "PNDMScheduler", "steps_offset": 0}""");
        var lead = new RgbImage(100, 68, new byte[100 * 68 * 3]);
        var request = new ImageRequest { Prompt = "a cat", Steps = 5, Controls = [new Control("canny", lead)] };
        GenerationPlan Of(ImageRequest asked) => GenerationPlan.Of(asked, ModelFolder.Open(copy.Path));

        Assert.Equal((96, 64), (Of(request).Width, Of(request).Height));
        Assert.Equal((32, 64), (Of(request with { Width = 32 }).Width, Of(request with { Width = 32 }).Height));
        Assert.Equal((64, 64), (Of(request with { InitImage = new RgbImage(64, 64, new byte[64 * 64 * 3]) }).Width, 64));
        Assert.Equal(0, Of(request).Scheduler.Config.Whole("steps_offset"));
    }

    /// <summary>StableDiffusionPipeline.__init__: saved before 0.9, a size below 64 is taken for 64.</summary>
    [Theory]
    [InlineData("0.8.1", 32, 64)]
    [InlineData("0.7.0.dev0", 32, 64)]
    [InlineData("0.8.1", 96, 96)]
    [InlineData("0.9.0", 32, 32)]
    [InlineData("0.39.0", 8, 8)]
    public void The_size_that_old_UNets_say_is_read_as_the_pipeline_reads_it(string version, int said, int read)
    {
        using var copy = new TemporaryFolder();
        copy.Fill(Goldens.PathOf("models", "sd1"));
        var config = JsonNode.Parse(File.ReadAllText(copy.PathOf("unet/config.json")))!;
        config["_diffusers_version"] = version;
        config["sample_size"] = said;
        File.WriteAllText(copy.PathOf("unet/config.json"), config.ToJsonString());

        var folder = ModelFolder.Open(copy.Path);

        Assert.Equal((read * folder.PixelsPerLatent, read * folder.PixelsPerLatent), (folder.DefaultWidth, folder.DefaultHeight));
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
    [InlineData("flux-schnell", "text", 4, 1)]
    [InlineData("ldm-bert", "text", 50, 5)] // LDMTextToImagePipeline has 1, which is no guidance; 5 is what its authors' txt2img.py has
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
            new GenerationDefaults(25, 2.5, 0.6) { StepsFromPicture = 25, ControlledStrength = 0.6, InpaintingStrength = 0.6, InpaintingGuidanceScale = 2.5 }, ModelFolder.Open(Path.Combine(Repository.Root, "models", "emoji-256")).Defaults);
}
