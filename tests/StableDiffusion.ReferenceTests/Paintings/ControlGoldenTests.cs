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

    // diffusers' global_pool_conditions: the mean over all places, added to every place, for the prompt's rows alone and at full weight.
    [Fact]
    public void A_control_that_gives_one_value_for_each_channel_counts_the_same_everywhere_and_leaves_the_negative_prompt_alone()
    {
        var golden = GoldenCase.Controls.First(one => one.Model == "sd1").ToRequest();
        float[] Paint(bool isExpanded, bool isPooled, bool guess)
        {
            using var folder = new TemporaryFolder();
            var network = PooledControl(golden.Controls[0].Model, folder.PathOf("pooled"), isExpanded, isPooled);
            return pipelines.Of("sd1").Generate(golden with { Controls = [golden.Controls[0] with { Model = network }], GuessMode = guess }).Single().Latents.Values;
        }

        var pooled = Paint(isExpanded: false, isPooled: true, guess: false);

        Assert.Equal(Paint(isExpanded: true, isPooled: true, guess: false), pooled);
        Assert.Equal(Paint(isExpanded: false, isPooled: true, guess: true), pooled);
        Assert.True(Differences.Largest(Paint(isExpanded: true, isPooled: false, guess: true), pooled) > 1e-3, "the weights of guess mode count");
        Assert.True(Differences.Largest(Paint(isExpanded: true, isPooled: false, guess: false), pooled) > 1e-3, "the negative prompt's rows are guided");
    }

    /// <summary>A control network whose results are averaged over all places, and, if expanded, written to every place again.</summary>
    private static string PooledControl(string model, string place, bool isExpanded, bool isPooled)
    {
        var graph = OnnxGraph.Load(Path.Combine(model, "model.onnx"));
        foreach (var output in graph.Outputs.Select(output => output.Name).ToList())
        {
            var maker = graph.Nodes.Single(node => node.Outputs.Contains(output));
            maker.Outputs[maker.Outputs.IndexOf(output)] = $"{output}_places";
            graph.Nodes.Add(new OnnxNode("GlobalAveragePool", [$"{output}_places"], [isExpanded ? $"{output}_mean" : output]));
            if (isExpanded)
            {
                graph.Nodes.Add(new OnnxNode("Shape", [$"{output}_places"], [$"{output}_shape"]));
                graph.Nodes.Add(new OnnxNode("Expand", [$"{output}_mean", $"{output}_shape"], [output]));
            }
        }

        graph.Sort();
        Directory.CreateDirectory(place);
        graph.Save(Path.Combine(place, "model.onnx"));
        File.WriteAllText(Path.Combine(place, "config.json"), isPooled ? """{"global_pool_conditions": true}""" : "{}");
        return place;
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
