namespace StableDiffusion.Tests;

/// <summary>What diffusers 0.39 paints with ControlNet: goldens/controlnet.</summary>
public sealed class ControlGoldenTests(Pipelines pipelines) : IClassFixture<Pipelines>
{
    /// <summary>That of the pictures without controls (goldens/README.md).</summary>
    private const double LatentTolerance = 1e-3;

    private const int PixelTolerance = 2;

    public static TheoryData<string> Names => [.. GoldenCase.Controls.Select(one => one.Name)];

    public static TheoryData<string> NamesOfSd1 => [.. GoldenCase.Controls.Where(one => one.Model == "sd1").Select(one => one.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_plain_export_is_given_the_inputs_and_paints_as_diffusers(string name) => Check(name, pipelines.Of(Golden(name).Model));

    [Theory]
    [MemberData(nameof(NamesOfSd1))]
    public void An_export_with_the_inputs_paints_as_diffusers(string name)
    {
        using var model = new ModelWithResidualInputs();
        using var pipeline = TextToImagePipeline.Load(model.Path, new PipelineOptions { Device = ExecutionDevice.Cpu });
        Check(name, pipeline);
    }

    [Fact]
    public void An_export_with_the_inputs_paints_without_controls_what_the_plain_one_paints()
    {
        using var model = new ModelWithResidualInputs();
        using var pipeline = TextToImagePipeline.Load(model.Path, new PipelineOptions { Device = ExecutionDevice.Cpu });
        var request = new ImageRequest { Prompt = "a red robot", Steps = 4, Seeds = [3], Height = 64, Width = 96 };

        var expected = pipelines.Of("sd1").Generate(request).Single().Latents.Values;

        Assert.InRange(Differences.Largest(pipeline.Generate(request).Single().Latents.Values, expected), 0, LatentTolerance);
    }

    [Fact]
    public void A_control_that_is_over_or_of_no_strength_changes_nothing()
    {
        var golden = GoldenCase.Controls.First(one => one.Model == "sd1").ToRequest();
        var plain = pipelines.Of("sd1").Generate(golden with { Controls = [] }).Single().Latents.Values;
        float[] Paint(Control control) => pipelines.Of("sd1").Generate(golden with { Controls = [control] }).Single().Latents.Values;

        Assert.InRange(Differences.Largest(Paint(golden.Controls[0] with { Strength = 0 }), plain), 0, LatentTolerance);
        Assert.InRange(Differences.Largest(Paint(golden.Controls[0] with { Start = 0.99, End = 1 }), plain), 0, LatentTolerance);
        Assert.True(Differences.Largest(Paint(golden.Controls[0]), plain) > 0.1, "the control changes nothing");
    }

    private static GoldenCase Golden(string name) => GoldenCase.Controls.Single(one => one.Name == name);

    private static void Check(string name, TextToImagePipeline pipeline)
    {
        var golden = Golden(name);

        var picture = pipeline.Generate(golden.ToRequest()).Single();

        var difference = Differences.Largest(picture.Latents.Values, golden.Latents);
        var levels = Differences.Largest(picture.Image, PngReader.Read(golden.Pictures[0]).Image);
        ParityTable.Record(name, "ControlNet", difference, levels);
        Assert.True(difference <= LatentTolerance, $"the latents differ by {difference:E1}");
        Assert.InRange(levels, 0, PixelTolerance);
    }

    /// <summary>sd1 with the UNet that was exported for control: links to both.</summary>
    private sealed class ModelWithResidualInputs : IDisposable
    {
        private readonly TemporaryFolder _folder = new();

        public ModelWithResidualInputs()
        {
            foreach (var entry in new DirectoryInfo(Goldens.PathOf("models", "sd1")).EnumerateFileSystemInfos())
            {
                var source = entry.Name == "unet" ? System.IO.Path.Combine(Goldens.Beside("controlnet"), "models", "sd1-control", "unet") : entry.FullName;
                File.CreateSymbolicLink(_folder.PathOf(entry.Name), source);
            }
        }

        public string Path => _folder.Path;

        public void Dispose() => _folder.Dispose();
    }
}
