using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary>JPEG and WebP from the command line: painted, told, painted from, compared, laid out.</summary>
public sealed class PictureFormatTests : IDisposable
{
    private static readonly string[] _small = ["--model", Goldens.PathOf("models", "sd1"), "--device", "cpu", "--steps", "2", "--seed", "5"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("apple.jpg", 0xFF, 0xD8)]
    [InlineData("apple.JPEG", 0xFF, 0xD8)]
    [InlineData("apple.webp", 'R', 'I')]
    public void The_ending_of_the_name_decides_the_format(string name, int first, int second)
    {
        var png = Paint("apple.png");
        var line = JsonNode.Parse(Paint(name, "--json", "--quality", "95").OutputLines.Single())!;
        var file = File.ReadAllBytes(_folder.PathOf(name));

        Assert.Equal(0, png.ExitCode);
        Assert.Equal((first, second), (file[0], file[1]));
        Assert.Equal(95, (int)line["quality"]!);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(file)), (string?)line["sha256"]);
        var mean = Run("compare", "apple.png", name).Output.Split("mean ")[1];
        Assert.InRange(double.Parse(mean, CultureInfo.InvariantCulture), 0.1, 25); // a picture of noise, which loses much
        Assert.Equal(0, Paint("coarse-" + name, "--quality", "20").ExitCode);
        Assert.True(new FileInfo(_folder.PathOf("coarse-" + name)).Length < 0.6 * file.Length, "the quality changes nothing");
        Assert.Equal(0, Run("grid", "apple.png", name, "--output", "sheet.webp").ExitCode);
        Assert.Equal(132, PictureReader.Read(_folder.PathOf("sheet.webp")).Width); // two of 64 and a gap of 4
    }

    [Theory]
    [InlineData("--prompt-2")]
    [InlineData("--negative-prompt-2")]
    public void Texts_too_long_for_a_JPEG_are_refused_before_anything_is_painted(string option) => Refused.Run(
        Refused.Usage, "the prompt is too long to be stored in a JPEG; write a PNG or WebP.", _folder,
        ["a cat", option, string.Concat(Enumerable.Repeat("red ", 20_000)), "--model", Goldens.PathOf("models", "sdxl"), "--device", "cpu", "--output", _folder.PathOf("apple.jpg")]);

    [Fact]
    public void Several_pictures_of_one_name_keep_its_ending()
    {
        Assert.Equal([_folder.PathOf("a-0.jpg"), _folder.PathOf("a-1.jpg")], Paint("a.jpg", "--batch-count", "2").OutputLines);
    }

    [Theory]
    [InlineData("start.jpg")]
    [InlineData("start.webp")]
    public void A_picture_of_any_format_can_be_painted_from(string name)
    {
        Paint(name);

        Assert.Equal(0, Paint("again.png", "--init-image", _folder.PathOf(name), "--mask", _folder.PathOf(name)).ExitCode);
    }

    [Fact]
    public void A_batch_writes_and_resumes_other_formats()
    {
        const string Lines = "apple --seed 1\npear --seed 2 --quality 50\nplum --seed 3 --quality 0";
        var pattern = _folder.PathOf("out/{index}.webp");
        var first = BatchProgram.Run(Lines, "--output", pattern);
        File.Delete(_folder.PathOf("out/1.webp"));

        var second = BatchProgram.Run(Lines, "--output", pattern, "--resume");

        Assert.Equal([_folder.PathOf("out/0.webp"), _folder.PathOf("out/1.webp")], first.OutputLines);
        Assert.Contains("error: line 3: --quality 0 must be from 1 to 100.", first.ErrorLines);
        Assert.Equal([_folder.PathOf("out/1.webp")], second.OutputLines);
    }

    [Fact]
    public void A_prompt_too_long_for_a_jpeg_is_refused_before_anything_is_painted() => Refused.RunOnGoodModel(
        Refused.Usage, "the prompt is too long to be stored in a JPEG; write a PNG or WebP.", _folder, "--negative-prompt", new string('a', 40_000), "--output", "a.jpg");

    private SdProgram.Outcome Paint(string name, params string[] more) => SdProgram.Run(["apple", .. _small, "--output", _folder.PathOf(name), .. more]);

    private SdProgram.Outcome Run(params string[] arguments) => SdProgram.Run(arguments, _folder.Path, input: null);
}
