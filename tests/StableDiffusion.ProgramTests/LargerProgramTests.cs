namespace StableDiffusion.Tests;

/// <summary>Variations, second passes, tiles and upscaling on the command line.</summary>
public sealed class LargerProgramTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void One_command_paints_small_and_delivers_large()
    {
        var outcome = Paint("-W", "48", "-H", "32", "--hires-scale", "2", "--hires-strength", "0.5", "--hires-upscaler", "Latent", "--upscale", "1.5", "--vae-tile-size", "64");

        Assert.Equal(0, outcome.ExitCode);
        var picture = PngReader.Read(_folder.PathOf("picture.png"));
        Assert.Equal((144, 96), (picture.Image.Width, picture.Image.Height));
        var text = picture.Texts.Single(entry => entry.Key == GenerationParameters.Keyword).Value;
        Assert.Contains("Size: 48x32", text, StringComparison.Ordinal);
        Assert.Contains("Hires upscale: 2, Hires upscaler: Latent, Postprocess upscale by: 1.5, Postprocess upscaler: Lanczos", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Variations_of_a_seed_count_up_the_second_seed()
    {
        var outcome = SdProgram.Run(
            ["red", "-m", Refused.GoodModel, "--steps", "2", "-s", "7", "--variation-seed", "3", "--variation-strength", "0.2", "-b", "2", "-q", "-o", _folder.PathOf("{index}.png")], _folder.Path, "");

        Assert.Equal(0, outcome.ExitCode);
        Assert.Equal(
            ["Seed: 7, Variation seed: 3", "Seed: 7, Variation seed: 4"],
            outcome.OutputLines.Select(path => GenerationParameters.TryParse(PngReader.Read(path).Texts[0].Value, out var parameters)
                ? $"Seed: {parameters.Seed}, Variation seed: {parameters.Extra.Single(entry => entry.Key == "Variation seed").Value}"
                : ""));
    }

    [Fact]
    public void A_picture_is_enlarged_and_keeps_what_it_was_painted_with()
    {
        Paint("-W", "48", "-H", "32");

        var outcome = SdProgram.Run(["upscale", "picture.png", "-o", "large.png", "--upscaler", "lanczos", "--scale", "2"], _folder.Path, "");

        Assert.Equal((0, "large.png\n", ""), (outcome.ExitCode, outcome.Output, outcome.Errors));
        var (small, large) = (PngReader.Read(_folder.PathOf("picture.png")), PngReader.Read(_folder.PathOf("large.png")));
        Assert.Equal(0, Differences.Largest(large.Image, ImageResizer.Resize(small.Image, 96, 64)));
        Assert.Equal([.. small.Texts, new("postprocessing", "Postprocess upscale by: 2, Postprocess upscaler: Lanczos")], large.Texts);
    }

    [Fact]
    public void A_network_enlarges_in_tiles_what_it_enlarges_as_a_whole()
    {
        UpscalerModel.Write(_folder.PathOf("x2.onnx"));
        Paint("-W", "64", "-H", "48");
        SdProgram.Outcome Upscale(string output, params string[] options) => SdProgram.Run(["upscale", "picture.png", "-o", output, "--upscaler", "x2.onnx", .. options], _folder.Path, "");

        var outcome = Upscale("whole.png");
        Assert.Equal((0, "whole.png\n", ""), (outcome.ExitCode, outcome.Output, outcome.Errors));
        Assert.Equal(0, Upscale("tiled.png", "--tile", "16", "--tile-margin", "4").ExitCode);
        Assert.Equal(0, Upscale("cut.png", "--tile", "16", "--tile-margin", "0").ExitCode);
        Assert.Equal(0, Upscale("thrice.png", "--scale", "3").ExitCode);

        var whole = PngReader.Read(_folder.PathOf("whole.png"));
        Assert.Equal((128, 96), (whole.Image.Width, whole.Image.Height));
        Assert.InRange(Differences.Largest(whole.Image, PngReader.Read(_folder.PathOf("tiled.png")).Image), 0, 1);
        Assert.True(Differences.Largest(whole.Image, PngReader.Read(_folder.PathOf("cut.png")).Image) > 1, "tiles without a margin show no seams");
        Assert.Equal((192, 144), (PngReader.Read(_folder.PathOf("thrice.png")).Image.Width, PngReader.Read(_folder.PathOf("thrice.png")).Image.Height));
        Assert.Equal("Postprocess upscale by: 2, Postprocess upscaler: x2", whole.Texts.Single(text => text.Key == "postprocessing").Value);
    }

    [Fact]
    public void The_network_that_a_model_brings_is_named_by_it_and_found_again_by_the_picture()
    {
        string[] options = ["--device", "cpu", "--steps", "1", "-q"];
        Assert.Equal((0, ""), Ended(SdProgram.Run(["an apple", "-s", "1", "--upscaler", "Model", "-o", "large.png", .. options], _folder.Path, "")));
        Assert.Equal((0, ""), Ended(SdProgram.Run(["an apple", "-s", "1", "-o", "small.png", .. options], _folder.Path, "")));
        Assert.Equal((0, ""), Ended(SdProgram.Run(["--from", "large.png", "-o", "again.png", .. options], _folder.Path, "")));
        var network = Path.Combine(Repository.Root, "models", "emoji-256", "upscaler", "model.onnx");
        Assert.Equal((0, ""), Ended(SdProgram.Run(["upscale", "small.png", "--upscaler", network, "-o", "after.png"], _folder.Path, "")));

        var large = PngReader.Read(_folder.PathOf("large.png"));
        Assert.Equal((512, 512), (large.Image.Width, large.Image.Height));
        Assert.Contains("Postprocess upscaler: model, ", large.Texts[0].Value, StringComparison.Ordinal);
        Assert.Equal(0, Differences.Largest(large.Image, PngReader.Read(_folder.PathOf("again.png")).Image));
        Assert.Equal(0, Differences.Largest(large.Image, PngReader.Read(_folder.PathOf("after.png")).Image));
        Assert.Equal("Postprocess upscale by: 2, Postprocess upscaler: model.onnx", PngReader.Read(_folder.PathOf("after.png")).Texts.Single(text => text.Key == "postprocessing").Value);

        static (int, string) Ended(SdProgram.Outcome outcome) => (outcome.ExitCode, outcome.Errors);
    }

    [Theory]
    [InlineData("--upscaler lanczos", "say by which with --scale")]
    [InlineData("--upscaler lanczos --scale 17", "--scale 17 must be above 0, and at most 16")]
    [InlineData("--upscaler none.onnx", "there is no file none.onnx")]
    [InlineData("--upscaler lanczos --scale 2 --tile 8", "--tile must be at least 16")]
    [InlineData("--upscaler lanczos --scale 2 --tile-margin 513", "--tile-margin from 0 to 512")]
    [InlineData("--upscaler lanczos --scale 2 --device gpu", "--device gpu is not known")]
    public void What_cannot_be_enlarged_so_is_refused_in_one_line(string options, string words)
    {
        Paint("-W", "48", "-H", "32");

        Refused.Run(Refused.Usage, words, _folder, ["upscale", "picture.png", "-o", "large.png", .. options.Split(' ')]);
        Assert.False(File.Exists(_folder.PathOf("large.png")));
    }

    [Theory]
    [InlineData("--hires-steps 3", "do nothing without --hires-scale")]
    [InlineData("--hires-scale 1", "--hires-scale 1 must be above 1")]
    [InlineData("--hires-scale 2 --hires-strength 0", "--hires-scale 2: its strength 0 leaves the picture as it is")]
    [InlineData("--hires-scale 2 --hires-steps 0", "--hires-scale 2: its steps 0 must be at least 1")]
    [InlineData("--hires-scale 2 --hires-upscaler none.onnx", "there is no upscaler none.onnx")]
    [InlineData("--upscaler none.onnx", "there is no upscaler none.onnx")]
    [InlineData("--upscaler model", "sd1 brings no upscaling network (upscaler/model.onnx)")]
    [InlineData("--hires-scale 2 --hires-upscaler model", "sd1 brings no upscaling network (upscaler/model.onnx)")]
    [InlineData("--upscaler lanczos", "--upscaler lanczos enlarges by any factor; say by which with --upscale, such as 2.")]
    [InlineData("--upscaler latent --upscale 2", "--upscaler latent enlarges no finished picture")]
    [InlineData("--upscale 0", "--upscale 0 must be above 0")]
    [InlineData("--variation-seed 3", "does nothing without --variation-strength")]
    [InlineData("--variation-seed x --variation-strength 0.1", "is not a seed")]
    [InlineData("--variation-strength 2", "--variation-strength 2 must be from 0 to 1")]
    [InlineData("--vae-tile-size 60", "tiles of 60 pixels do not fit sd1")]
    [InlineData("--vae-tile-overlap 1", "must be from 0 to 0.9")]
    public void What_makes_no_sense_is_refused_in_one_line(string options, string words) =>
        Refused.Run(Refused.Usage, words, _folder, ["red", "-m", Refused.GoodModel, "--steps", "2", .. options.Split(' ')]);

    private SdProgram.Outcome Paint(params IEnumerable<string> options) =>
        SdProgram.Run(["red", "-m", Refused.GoodModel, "--steps", "4", "-s", "1", "-q", "--scheduler", "ddim", "-o", "picture.png", .. options], _folder.Path, "");
}
