namespace StableDiffusion.Tests;

/// <summary>Which family a folder belongs to.</summary>
public class ModelFamilyTests
{
    [Theory]
    [InlineData("sd1", "Stable Diffusion 1 and 2")]
    [InlineData("sd2", "Stable Diffusion 1 and 2")]
    [InlineData("sdxl", "Stable Diffusion XL")]
    [InlineData("lcm", "Latent Consistency Models")]
    [InlineData("inpaint", "Stable Diffusion Inpainting")]
    public void A_model_is_of_the_family_that_its_index_names(string model, string family) =>
        Assert.Equal(family, ModelFolder.Open(Goldens.PathOf("models", model)).Family.Name);

    // The class names are those of diffusers 0.39 and optimum-onnx 0.1.
    [Theory]
    [InlineData("StableDiffusionPipeline", "StableDiffusion")]
    [InlineData("OnnxStableDiffusionPipeline", "StableDiffusion")]
    [InlineData("ORTStableDiffusionPipeline", "StableDiffusion")]
    [InlineData("OnnxStableDiffusionImg2ImgPipeline", "StableDiffusion")]
    [InlineData("ORTStableDiffusionImg2ImgPipeline", "StableDiffusion")]
    [InlineData("StableDiffusionControlNetPipeline", "StableDiffusion")]
    [InlineData("StableDiffusionControlNetImg2ImgPipeline", "StableDiffusion")]
    [InlineData("StableDiffusionInpaintPipeline", "StableDiffusionInpaint")]
    [InlineData("OnnxStableDiffusionInpaintPipelineLegacy", "StableDiffusionInpaint")]
    [InlineData("ORTStableDiffusionInpaintPipeline", "StableDiffusionInpaint")]
    [InlineData("StableDiffusionXLPipeline", "StableDiffusionXL")]
    [InlineData("ORTStableDiffusionXLImg2ImgPipeline", "StableDiffusionXL")]
    [InlineData("StableDiffusionXLInpaintPipeline", "StableDiffusionXLInpaint")]
    [InlineData("LatentConsistencyModelPipeline", "LatentConsistencyModel")]
    [InlineData("ORTLatentConsistencyModelPipeline", "LatentConsistencyModel")]
    [InlineData("LatentConsistencyModelImg2ImgPipeline", "LatentConsistencyModel")]
    [InlineData("StableDiffusion3Pipeline", "StableDiffusion3")]
    [InlineData("ORTFluxPipeline", "Flux")]
    [InlineData("DiTPipeline", "DiT")]
    [InlineData("LDMTextToImagePipeline", "LDMTextToImage")]
    [InlineData("DiffusionPipeline", "")]
    [InlineData("ORTDiffusionPipeline", "")]
    public void Classes_that_differ_in_use_or_loader_are_of_one_name(string pipelineClass, string name) =>
        Assert.Equal(name, ModelFamily.BaseName(pipelineClass));

    [Theory]
    [InlineData("KandinskyPipeline")]
    [InlineData("StableDiffusionUpscalePipeline")]
    [InlineData("Kolors")]
    public void A_class_of_no_family_is_refused_by_its_name(string pipelineClass)
    {
        using var model = new TemporaryFolder();
        File.WriteAllText(Path.Combine(model.Path, "model_index.json"), $$"""{"_class_name": "{{pipelineClass}}"}""");

        var error = Assert.Throws<ModelException>(() => ModelFolder.Open(model.Path));

        Assert.StartsWith(
            $"{model.Path} is a {pipelineClass}, which is not supported; there are Stable Diffusion 1 and 2, ", error.Message, StringComparison.Ordinal);
    }

    // The schedulers that diffusers' pipelines of these families load: SchedulerMixin of any kind for the first, flow matching alone for the second.
    [Fact]
    public void A_folder_names_the_schedulers_that_its_model_can_run_with()
    {
        var plain = ModelFolder.Open(Goldens.PathOf("models", "sd1")).SchedulerNames;

        Assert.Contains("euler_a", plain);
        Assert.DoesNotContain("flow", plain);
        Assert.Equal(["flow"], ModelFolder.Open(FamilyGoldens.PathOf("models", "flux-dev")).SchedulerNames);
    }

    [Fact]
    public void A_scheduler_of_flow_models_is_refused_by_models_of_diffusion()
    {
        using var pipeline = TextToImagePipeline.Load(Goldens.PathOf("models", "sd1"), new PipelineOptions { Device = ExecutionDevice.Cpu });

        var error = Assert.Throws<RequestException>(() => pipeline.Generate(new ImageRequest { Prompt = "", Scheduler = "flow" }));

        Assert.StartsWith("flow is not for Stable Diffusion 1 and 2; choose one of pndm, ", error.Message, StringComparison.Ordinal);
    }
}
