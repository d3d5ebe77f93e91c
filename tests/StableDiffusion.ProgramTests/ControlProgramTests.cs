namespace StableDiffusion.Tests;

/// <summary>ControlNets on the command line, and <c>canny</c>.</summary>
public sealed class ControlProgramTests : IDisposable
{
    private static readonly string _controls = Path.Combine(Goldens.Beside("controlnet"), "models", "sd1-control");

    private readonly TemporaryFolder _folder = new();

    public ControlProgramTests() => File.Copy(Path.Combine(Goldens.Beside("controlnet"), "pictures", "sd1-control-00.png"), _folder.PathOf("photo.png"));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_preprocessor_shows_the_network_what_canny_writes()
    {
        var edges = SdProgram.Run(["canny", "photo.png", "-o", "edges.png", "--low", "50", "--high", "150"], _folder.Path, "");
        Assert.Equal((0, "edges.png\n", ""), (edges.ExitCode, edges.Output, edges.Errors));

        var before = Paint("--control", $"{_controls}/controlnet:0.8:0-0.7", "--control-image", "edges.png");
        var inside = Paint("--control", $"{_controls}/controlnet:0.8:0-0.7", "--control-image", "photo.png", "--control-preprocessor", "canny:50,150");

        Assert.Equal(0, Differences.Largest(before.Image, inside.Image));
        Assert.Contains(
            "ControlNet 0: \"Module: none, Model: controlnet, Weight: 0.8, Resize Mode: Just Resize, Guidance Start: 0, Guidance End: 0.7, Control Mode: Balanced\"",
            before.Text,
            StringComparison.Ordinal);
        Assert.Contains("ControlNet 0: \"Module: canny,", inside.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_networks_share_a_picture_and_a_line_of_a_batch_says_the_same()
    {
        string[] options = ["--control", $"{_controls}/controlnet", "--control", $"{_controls}/controlnet_1:0.5", "--control-image", "photo.png", "--guess-mode"];
        var alone = Paint(options);
        var batch = SdProgram.Run(
            ["batch", "-", "-m", Refused.GoodModel, "--device", "cpu", "-o", _folder.Path], _folder.Path, $"red robot --seed 1 --steps 2 {string.Join(' ', options)}\n");

        Assert.Equal(0, batch.ExitCode);
        Assert.Equal(0, Differences.Largest(alone.Image, PngReader.Read(Assert.Single(batch.OutputLines)).Image));
        Assert.Contains("ControlNet 1: ", alone.Text, StringComparison.Ordinal);
        Assert.Contains("Control Mode: ControlNet is more important", alone.Text, StringComparison.Ordinal);
    }

    public static TheoryData<int, string, string> Wrong => new()
    {
        { 2, "--control none --control-image photo.png", "there is no control network none" },
        { 2, "--control CONTROLS/controlnet", "--control needs a picture to guide by; give one with --control-image." },
        { 2, "--control CONTROLS/controlnet --control-image photo.png --control-image photo.png", "is given 2 times and --control 1 times" },
        { 2, "--control-image photo.png", "is given 1 times and --control 0 times" },
        { 2, "--control CONTROLS/controlnet:much --control-image photo.png", "must be folder, folder:strength or folder:strength:start-end" },
        { 2, "--control CONTROLS/controlnet:1:0.8-0.2 --control-image photo.png", "from a share of the run to a later one" },
        { 2, "--control CONTROLS/controlnet --control-image none.png", "none.png does not exist" },
        { 2, "--control CONTROLS/controlnet --control-image photo.png --control-preprocessor pose", "pose is not known; give none or canny." },
        { 2, "--control CONTROLS/controlnet --control-image photo.png --control-preprocessor canny:1", "must be two numbers" },
        { 2, "--guess-mode", "--guess-mode is for ControlNets" },
        { 1, "--control CONTROLS/unet --control-image photo.png", "has no input 'controlnet_cond'" },
        { 1, "--control CONTROLS/../sdxl-control/controlnet --control-image photo.png", "sdxl-control/controlnet/model.onnx is made for another family of models: its encoder_hidden_states is" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void What_makes_no_sense_is_refused_in_one_line(int exitCode, string options, string words) => Refused.Run(
        exitCode, words, _folder, ["red", "-m", Refused.GoodModel, "--steps", "2", .. options.Replace("CONTROLS", _controls, StringComparison.Ordinal).Split(' ')]);

    private (RgbImage Image, string Text) Paint(params IEnumerable<string> options)
    {
        var outcome = SdProgram.Run(
            ["red robot", "-m", Refused.GoodModel, "--device", "cpu", "--steps", "2", "-s", "1", "-o", "picture.png", .. options], _folder.Path, "");
        Assert.Equal(0, outcome.ExitCode);
        var picture = PngReader.Read(_folder.PathOf("picture.png"));
        return (picture.Image, picture.Texts.Single(text => text.Key == GenerationParameters.Keyword).Value);
    }
}
