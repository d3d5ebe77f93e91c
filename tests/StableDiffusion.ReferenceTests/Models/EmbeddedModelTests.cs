using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary>The model in the repository against what PyTorch makes of the same weights: tests/emoji-goldens.</summary>
public sealed class EmbeddedModelTests(EmbeddedModelTests.EmbeddedModel model) : IClassFixture<EmbeddedModelTests.EmbeddedModel>
{
    /// <summary>Latents reach 3; PyTorch and ONNX Runtime were measured to differ by 5e-6.</summary>
    private const double LatentTolerance = 1e-4;

    private const int PixelTolerance = 2;

    private static readonly string _folder = Path.Combine(Repository.Root, "tests", "emoji-goldens");

    private static readonly string _model = Path.Combine(Repository.Root, "models", "emoji-256");

    private static readonly JsonNode[] _cases = [.. JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "cases.json")))!.AsArray()!];

    public static TheoryData<string> Names => [.. _cases.Where(one => one["lora"] is null).Select(one => (string)one["name"]!)];

    public static TheoryData<string> NamesWithLora => [.. _cases.Where(one => one["lora"] is not null).Select(one => (string)one["name"]!)];

    [Theory]
    [MemberData(nameof(Names))]
    public void It_paints_what_PyTorch_paints(string name)
    {
        var golden = _cases.Single(one => (string)one["name"]! == name);

        var picture = model.Pipeline.Generate(RequestOf(golden)).Single();

        var latents = Differences.Largest(picture.Latents.Values, NpyFile.Read(Path.Combine(_folder, (string)golden["latents"]!)).Values);
        var levels = Differences.Largest(picture.Image, PngReader.Read(Path.Combine(_folder, (string)golden["images"]![0]!)).Image);
        ParityTable.Record(name, "embedded model emoji-256", latents, levels);
        Assert.InRange(latents, 0, LatentTolerance);
        Assert.InRange(levels, 0, PixelTolerance);
    }

    /// <summary>The LoRA that lies beside the model, in a graph whose weights are stored in 16 bits.</summary>
    [Theory]
    [MemberData(nameof(NamesWithLora))]
    public void With_its_LoRA_it_paints_what_PyTorch_paints(string name)
    {
        var golden = _cases.Single(one => (string)one["name"]! == name);
        var request = RequestOf(golden) with { Loras = [Lora.Of(Path.Combine(_model, (string)golden["lora"]!), 1)] };

        var picture = model.Pipeline.Generate(request).Single();

        Assert.Empty(model.Warnings);
        Assert.InRange(Differences.Largest(picture.Latents.Values, NpyFile.Read(Path.Combine(_folder, (string)golden["latents"]!)).Values), 0, LatentTolerance);
        Assert.InRange(Differences.Largest(picture.Image, PngReader.Read(Path.Combine(_folder, (string)golden["images"]![0]!)).Image), 0, PixelTolerance);
        Assert.True(Differences.Largest(picture.Image, model.Pipeline.Generate(request with { Loras = [] }).Single().Image) > 100, "the LoRA changes nothing");
    }

    private static ImageRequest RequestOf(JsonNode golden) => new()
    {
        Prompt = (string)golden["prompt"]!,
        Seeds = [(long)golden["seed"]!],
        Steps = (int)golden["num_inference_steps"]!,
        GuidanceScale = (double)golden["guidance_scale"]!,
        Scheduler = (string)golden["scheduler"]!,
    };

    /// <summary>The model, opened once.</summary>
    public sealed class EmbeddedModel : IDisposable
    {
        private readonly List<string> _warnings = [];

        public EmbeddedModel() =>
            Pipeline = TextToImagePipeline.Load(_model, new PipelineOptions { Device = ExecutionDevice.Cpu, Warning = _warnings.Add });

        public TextToImagePipeline Pipeline { get; }

        /// <summary>What the pipeline warned of, such as parts of a LoRA that find no module.</summary>
        public IReadOnlyList<string> Warnings => _warnings;

        public void Dispose() => Pipeline.Dispose();
    }
}
