using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary>The model that the program has with it: tests/emoji-goldens.</summary>
public sealed class EmbeddedModelProgramTests
{
    /// <summary>Latents reach 3; PyTorch and ONNX Runtime were measured to differ by 5e-6.</summary>
    private const double LatentTolerance = 1e-4;

    private const int PixelTolerance = 2;

    private static readonly string _folder = Path.Combine(Repository.Root, "tests", "emoji-goldens");

    [Fact]
    public void The_program_paints_it_without_being_told_a_model()
    {
        using var folder = new TemporaryFolder();
        var golden = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "cases.json")))!.AsArray()[0]!;

        var outcome = SdProgram.Run(
            (string)golden["prompt"]!, "--seed", golden["seed"]!.ToString(), "--steps", golden["num_inference_steps"]!.ToString(),
            "--cfg-scale", golden["guidance_scale"]!.ToString(), "--scheduler", (string)golden["scheduler"]!,
            "--output", folder.PathOf("a.png"), "--save-latents", folder.PathOf("a.npy"), "--device", "cpu");

        Assert.True(outcome.ExitCode == 0, outcome.Errors);
        Assert.InRange(
            Differences.Largest(NpyFile.Read(folder.PathOf("a.npy")).Values, NpyFile.Read(Path.Combine(_folder, (string)golden["latents"]!)).Values),
            0,
            LatentTolerance);
        Assert.InRange(
            Differences.Largest(PngReader.Read(folder.PathOf("a.png")).Image, PngReader.Read(Path.Combine(_folder, (string)golden["images"]![0]!)).Image),
            0,
            PixelTolerance);
    }

    [Fact]
    public void A_picture_saved_by_the_library_is_the_file_that_the_program_writes()
    {
        using var folder = new TemporaryFolder();
        var outcome = SdProgram.Run(
            "a red apple, 3d render", "--seed", "5", "--steps", "2", "--output", folder.PathOf("program.png"), "--device", "cpu");
        Assert.True(outcome.ExitCode == 0, outcome.Errors);

        using var pipeline = TextToImagePipeline.Load(
            Path.Combine(Repository.Root, "models", "emoji-256"), new PipelineOptions { Device = ExecutionDevice.Cpu });
        pipeline.Generate(new ImageRequest { Prompt = "a red apple, 3d render", Seeds = [5], Steps = 2 }).Single().Save(folder.PathOf("library.png"));

        Assert.Equal(File.ReadAllBytes(folder.PathOf("program.png")), File.ReadAllBytes(folder.PathOf("library.png")));
    }
}
