using System.Diagnostics;
using System.Globalization;

namespace StableDiffusion.Tests;

/// <summary>The training recipe of the embedded model, run from nothing on drawn shapes, for less than a minute of one core.</summary>
public sealed class TrainingRecipeTests : IDisposable
{
    private const string Python = "/usr/bin/python3";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_recipe_learns_and_what_it_exports_paints()
    {
        Assert.SkipUnless(
            File.Exists(Python) && Run("-c", "import torch, numpy, PIL").Code == 0,
            $"{Python} with PyTorch, NumPy and Pillow is missing (Debian: apt-get install python3-torch python3-numpy python3-pil).");
        var (archive, concepts, work, model) = (_folder.PathOf("art.zip"), _folder.PathOf("concepts.txt"), _folder.PathOf("work"), _folder.PathOf("model"));

        Succeed(Script("synthetic_art.py"), archive, "--concepts", concepts, "--size", "64");
        void Train(string steps) => Succeed(
            Script("recipe.py"), "--archive", archive, "--concepts", concepts, "--styles", "3d:1,line:1", "--size", "64", "--steps", steps,
            "--fill", "8", "--threads", "1", "--work", work, "--out", model);
        Train("40");

        Assert.All(["autoencoder", "diffusion"], part =>
        {
            var losses = Losses(Path.Combine(work, part, "loss.csv"));
            Assert.True(losses[^1] < 0.97 * losses[0], $"{part}: the loss went from {losses[0]} to {losses[^1]}.");
        });

        // Trained on, the autoencoder makes other latents than those that were kept.
        var latents = File.ReadAllBytes(Path.Combine(work, "diffusion", "latents.pt"));
        Train("44");
        Assert.NotEqual(latents, File.ReadAllBytes(Path.Combine(work, "diffusion", "latents.pt")));

        Succeed(
            Script("train_lora.py"), "--archive", archive, "--concepts", concepts, "--weights", model, "--tokenizer", Path.Combine(model, "tokenizer"),
            "--style", "3d", "--size", "64", "--squares", "8", "--steps", "4", "--batch", "4", "--threads", "1", "--out", Path.Combine(work, "lora"));

        Succeed(
            Script("train_upscaler.py"), "--archive", archive, "--concepts", concepts, "--weights", model, "--styles", "line:1", "--size", "64", "--crop", "16",
            "--critic", "0.5", "--fill", "8", "--steps", "4", "--batch", "4", "--threads", "1", "--out", Path.Combine(work, "upscaler"));
        using var upscaler = PictureUpscaler.Open(Path.Combine(work, "upscaler", "model.onnx"));
        Assert.Equal(2, upscaler.Factor);

        var warnings = new List<string>();
        using var pipeline = TextToImagePipeline.Load(model, new PipelineOptions { Device = ExecutionDevice.Cpu, Warning = warnings.Add });
        var request = new ImageRequest { Prompt = "red star, 3d render", Steps = 4, Seeds = [5] };
        var picture = Assert.Single(pipeline.Generate(request));
        Assert.Equal((64, 64), (picture.Image.Width, picture.Image.Height));

        var changed = Assert.Single(pipeline.Generate(request with { Loras = [Lora.Of(Path.Combine(work, "lora", "lora.safetensors"), 1)] }));
        Assert.DoesNotContain(warnings, warning => warning.Contains("keys belong to no module", StringComparison.Ordinal));
        Assert.NotEqual(picture.Latents.Values, changed.Latents.Values);
    }

    private static string Script(string name) => Path.Combine(Repository.Root, "models", "emoji-256", "training", name);

    private static double[] Losses(string path) =>
        [.. File.ReadLines(path).Skip(1).Select(static line => double.Parse(line.Split(',')[2], CultureInfo.InvariantCulture))];

    private static void Succeed(params string[] arguments)
    {
        var (code, said) = Run(arguments);
        Assert.True(code == 0, said);
    }

    private static (int Code, string Said) Run(params string[] arguments)
    {
        var start = new ProcessStartInfo(Python, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        start.Environment["OMP_NUM_THREADS"] = "1";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output.Result + errors);
    }
}
