namespace StableDiffusion.Tests;

/// <summary>
/// Networks on a torus. What is held to needs no reference: convolutions that pad from the opposite edge, and attention, give the turned output
/// for the turned input.
/// </summary>
public sealed class CircularPaddingTests(Pipelines pipelines) : IClassFixture<Pipelines>
{
    /// <summary>Sums at other places are formed in another order.</summary>
    private const double Tolerance = 2e-5;

    public static TheoryData<string, string> Networks =>
        [.. from model in (string[])["sd1", "sd1-external", "sd1-legacy", "sd1-static", "sd1-fp16-io32", "sd2", "sdxl", "inpaint"]
            from part in (string[])["unet", "vae_decoder", "vae_encoder"]
            select (model, part)];

    [Theory]
    [MemberData(nameof(Networks))]
    public void A_turned_input_gives_the_turned_output(string model, string part)
    {
        var graph = OnnxGraph.Load(Path.Combine(TestModels.Folder, model, part, "model.onnx"));
        var tolerance = model.Contains("fp16", StringComparison.Ordinal) ? 0.05 : Tolerance;

        Assert.True(DifferenceAfterTurning(graph) > 2 * tolerance, "the plain network sees its edges");
        new CircularPaddingEdit().Apply(graph);
        Assert.InRange(DifferenceAfterTurning(graph), 0, tolerance);
    }

    [Fact]
    public void Turned_noise_gives_the_turned_picture_without_a_seam_and_only_where_asked_for()
    {
        // 64 pixels are 8 latents, a step of the embedded UNet's coarsest level
        const int size = 128, turn = 64;
        var noise = new float[4 * 16 * 16];
        new TorchRandom(5).Draw(noise);
        var request = new ImageRequest { Prompt = "green apple", Steps = 3, Width = size, Height = size, Seamless = true };
        RgbImage Paint(float[] start, bool seamless) =>
            pipelines.In(Path.Combine(Repository.Root, "models", "emoji-256")).Generate(request with { Seamless = seamless, Latents = new Latents(start, 1, 4, 16, 16) }).Single().Image;

        var (plain, seamless) = (Paint(noise, false), Paint(noise, true));
        var (turnedPlain, turned) = (Paint(Turned(noise, 16, 8), false), Paint(Turned(noise, 16, 8), true));

        Assert.InRange(LargestAfterTurning(seamless, turned, turn), 0, 1);
        Assert.True(LargestAfterTurning(plain, turnedPlain, turn) > 20);
        Assert.True(Differences.Largest(plain, seamless) > 0);
        Assert.Equal(0, Differences.Largest(plain, Paint(noise, false)));
    }

    [Fact]
    public void A_turned_control_picture_gives_the_turned_picture()
    {
        // 32 pixels are 4 latents, a whole step of the control network's coarsest level
        const int size = 64, turn = 32;
        var noise = new float[4 * 8 * 8];
        new TorchRandom(5).Draw(noise);
        var control = GoldenCase.Controls.First(one => one.Model == "sd1").ToRequest().Controls[0];
        var image = ImageResizer.Resize(control.Image, size, size);
        RgbImage Paint(float[] start, RgbImage shown, bool seamless) => pipelines.Of("sd1").Generate(new ImageRequest
        {
            Prompt = "a castle",
            Steps = 2,
            Width = size,
            Height = size,
            Seamless = seamless,
            Latents = new Latents(start, 1, 4, 8, 8),
            Controls = [new Control(control.Model, shown)],
        }).Single().Image;

        var (plain, turnedPlain) = (Paint(noise, image, false), Paint(Turned(noise, 8, 4), Turned(image, turn), false));
        var (seamless, turned) = (Paint(noise, image, true), Paint(Turned(noise, 8, 4), Turned(image, turn), true));

        Assert.True(LargestAfterTurning(plain, turnedPlain, turn) > 20, "the plain networks see their edges");
        Assert.InRange(LargestAfterTurning(seamless, turned, turn), 0, 1);
    }

    [Theory]
    [InlineData("lanczos", 2.0)]
    [InlineData("lanczos", 1.75)]
    [InlineData("x2.onnx", 2.0)]
    public void A_turned_picture_is_enlarged_to_the_turned_picture(string upscaler, double scale)
    {
        using var folder = new TemporaryFolder();
        UpscalerModel.Write(folder.PathOf("x2.onnx"));
        using var enlarger = new Enlarger(ModelFolder.Open(Goldens.PathOf("models", "sd1")), path => OnnxModel.Open(path, new OnnxRuntimeHost(ExecutionDevice.Cpu, 0)));
        var image = ImageResizer.Resize(GoldenCase.Controls.First(one => one.Model == "sd1").ToRequest().Controls[0].Image, 64, 64);
        var side = (int)(64 * scale);
        RgbImage Larger(RgbImage picture, bool seamless) =>
            enlarger.Enlarge(picture, upscaler == "lanczos" ? upscaler : folder.PathOf(upscaler), (side, side), seamless, CancellationToken.None);

        Assert.True(LargestAfterTurning(Larger(image, false), Larger(Turned(image, 32), false), side / 2) > 2, "the edges are seen");
        Assert.InRange(LargestAfterTurning(Larger(image, true), Larger(Turned(image, 32), true), side / 2), 0, 1);
    }

    [Fact]
    public void A_seamless_picture_says_so_and_is_not_cut_into_tiles()
    {
        var request = new ImageRequest { Prompt = "a castle", Steps = 1, Width = 64, Height = 64, Seamless = true };

        Assert.Contains("Tiling: True", pipelines.Of("sd1").Generate(request).Single().Parameters.ToInfotext(), StringComparison.Ordinal);
        Assert.Equal(
            "Seamless needs the picture as a whole, and Tiling cuts it up; leave one of them out.",
            Assert.Throws<RequestException>(() => pipelines.Of("sd1").Generate(request with { Tiling = new VaeTiling() })).Message);
    }

    private static double DifferenceAfterTurning(OnnxGraph graph)
    {
        using var session = TestSession.Open(graph);
        var output = graph.Outputs[0].Name;
        var (inputs, turned) = (TestSession.RandomInputs(session, 3), TestSession.RandomInputs(session, 3));
        var plane = turned.Single(input => input.Value.GetTensorTypeAndShape().Shape.Length == 4).Value;
        var shape = plane.GetTensorTypeAndShape().Shape;
        var side = (int)shape[2];
        Turned(plane.GetTensorDataAsSpan<float>(), side, side / 2).CopyTo(plane.GetTensorMutableDataAsSpan<float>());

        var (before, after) = (TestSession.Run(session, inputs)[output], TestSession.Run(session, turned)[output]);
        var channels = session.OutputMetadata[output].Dimensions[1];
        var outputSide = (int)Math.Round(Math.Sqrt(before.Length / (double)(shape[0] * channels)));
        return TestSession.Difference(Turned(before, outputSide, outputSide / 2), after);
    }

    /// <summary>Square planes, turned right and down by so many values.</summary>
    private static float[] Turned(ReadOnlySpan<float> planes, int side, int by)
    {
        var turned = new float[planes.Length];
        for (var i = 0; i < planes.Length; i++)
        {
            var (plane, y, x) = (i / (side * side), i / side % side, i % side);
            turned[(((plane * side) + ((y + by) % side)) * side) + ((x + by) % side)] = planes[i];
        }

        return turned;
    }

    private static RgbImage Turned(RgbImage image, int by)
    {
        var source = image.Pixels.Span;
        var pixels = new byte[source.Length];
        for (var i = 0; i < pixels.Length; i++)
        {
            var (y, x) = (i / 3 / image.Width, i / 3 % image.Width);
            pixels[(((((y + by) % image.Height) * image.Width) + ((x + by) % image.Width)) * 3) + (i % 3)] = source[i];
        }

        return RgbImage.Adopt(image.Width, image.Height, pixels);
    }

    private static int LargestAfterTurning(RgbImage image, RgbImage turned, int by)
    {
        var largest = 0;
        for (var i = 0; i < image.Pixels.Length; i++)
        {
            var (y, x, channel) = (i / 3 / image.Width, i / 3 % image.Width, i % 3);
            var there = (((((y + by) % image.Height) * image.Width) + ((x + by) % image.Width)) * 3) + channel;
            largest = Math.Max(largest, Math.Abs(image.Pixels.Span[i] - turned.Pixels.Span[there]));
        }

        return largest;
    }
}
