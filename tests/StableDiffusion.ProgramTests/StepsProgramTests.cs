using System.Diagnostics;
using System.Text.RegularExpressions;

namespace StableDiffusion.Tests;

/// <summary>Watching a picture form: <c>--steps-to</c>, <c>--animate</c>, <c>--preview</c>.</summary>
public sealed class StepsProgramTests : IDisposable
{
    private static readonly string[] _small = ["a cat", "-m", Goldens.PathOf("models", "sd1"), "--device", "cpu", "--steps", "4", "--scheduler", "euler"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_step_is_a_picture_and_Eulers_last_is_the_finished_one()
    {
        var outcome = Paint("-s", "5", "-o", "cat.png", "--steps-to", "steps/inner");
        Assert.Equal(["cat.png"], outcome.OutputLines);
        Assert.Equal(["5-001.png", "5-002.png", "5-003.png", "5-004.png"], Names("steps/inner"));

        // Euler's method ends at σ = 0, where a step takes all of the predicted noise away: x + (0 − σ)·ε is the predicted clean picture.
        Assert.InRange(Distance("cat.png", "steps/inner/5-004.png"), 0, 1);
        Assert.InRange(Distance("cat.png", "steps/inner/5-001.png"), 2, 255);
    }

    [Fact]
    public void Watching_changes_no_byte_of_the_picture()
    {
        Paint("-s", "5", "-o", "plain.png");
        Paint("-s", "5", "-o", "watched.png", "--steps-to", "steps", "--animate", "cat.webp", "--preview-format", "sixel");
        Assert.Equal(File.ReadAllBytes(_folder.PathOf("plain.png")), File.ReadAllBytes(_folder.PathOf("watched.png")));
    }

    [Theory]
    [InlineData("-s", "5", "--num-images", "2", "5-0-001.png", "5-1-004.png", 8)]
    [InlineData("-s", "5", "-b", "2", "5-001.png", "6-004.png", 8)]
    [InlineData("-s", "5,9", "--low-memory", "--quiet", "5-001.png", "9-004.png", 8)]
    [InlineData("-s", "5,5", "--low-memory", "--quiet", "5-0-001.png", "5-1-004.png", 8)]
    [InlineData("-s", "18446744073709551614", "-b", "2", "18446744073709551614-001.png", "18446744073709551615-004.png", 8)]
    public void Several_pictures_have_their_own_steps(string first, string second, string third, string fourth, string one, string other, int count)
    {
        Paint(first, second, third, fourth, "-o", "cat.png", "--steps-to", "steps", "--animate", "cat.gif");
        var names = Names("steps");
        Assert.Equal((one, other, count), (names[0], names[^1], names.Length));
        Assert.Equal(["cat-0.gif", "cat-1.gif"], Names(".").Where(name => name.EndsWith(".gif", StringComparison.Ordinal)));
        Assert.InRange(Distance("cat-1.png", $"steps/{other}"), 0, 1);
    }

    [Theory]
    [InlineData("--upscale", "2", "cat.gif")]
    [InlineData("--upscale", "2", "cat.webp")]
    [InlineData("--hires-scale", "2", "cat.gif")]
    [InlineData("--hires-scale", "2", "cat.webp")]
    public void An_animation_has_one_size_where_the_picture_grows(string option, string factor, string animation)
    {
        Assert.Equal(0, Paint("-s", "5", "-o", "cat.png", "--animate", animation, option, factor).ExitCode);

        using var picture = SixLabors.ImageSharp.Image.Load(_folder.PathOf("cat.png"));
        Assert.Equal((128, 128), (picture.Width, picture.Height));
        Assert.Equal((128, 128), CanvasOf(File.ReadAllBytes(_folder.PathOf(animation))));
    }

    /// <summary>The logical screen of a GIF (GIF89a, section 18), the canvas of an extended WebP (RFC 9649, section 2.7).</summary>
    private static (int Width, int Height) CanvasOf(byte[] file) => file.AsSpan().StartsWith("GIF89a"u8)
        ? (BitConverter.ToUInt16(file, 6), BitConverter.ToUInt16(file, 8))
        : (1 + file[24] + (file[25] << 8) + (file[26] << 16), 1 + file[27] + (file[28] << 8) + (file[29] << 16));

    [Fact]
    public void Variations_of_one_seed_have_their_own_steps()
    {
        Paint("-s", "5", "-b", "2", "--variation-seed", "1", "--variation-strength", "0.5", "-o", "cat.png", "--steps-to", "steps");

        Assert.Equal(8, Names("steps").Length);
        Assert.InRange(Distance("cat-0.png", "steps/5-0-004.png"), 0, 1);
        Assert.InRange(Distance("cat-1.png", "steps/5-1-004.png"), 0, 1);
    }

    [Theory]
    [InlineData("-o same.webp --animate same.webp", "--output and --animate both write same.webp")]
    [InlineData("-o same.webp --animate x/../same.webp", "--output and --animate both write x/../same.webp")]
    [InlineData("-b 2 -o same.webp --animate ./same.webp", "--output and --animate both write ./same-0.webp")]
    [InlineData("-b 2 -o {index}-{seed}.webp --animate 0-5.webp -s 5,5", null)]
    [InlineData("-o same.png --save-latents same.png", "--save-latents same.png must end in .npy")]
    [InlineData("-s 5 -o steps/{seed}-{index:003}.png --steps-to steps", "--output and --steps-to both write")]
    [InlineData("-s 5 -o steps/cat.png --save-latents steps/cat.npy --animate steps/5-002.gif --steps-to steps", null)]
    public void No_file_of_a_run_is_written_over_another(string options, string? message)
    {
        Directory.CreateDirectory(_folder.PathOf("x"));
        Directory.CreateDirectory(_folder.PathOf("steps"));
        var outcome = SdProgram.Run([.. _small, .. options.Split(' ')], _folder.Path, input: null);
        if (message is null)
        {
            Assert.Equal(0, outcome.ExitCode);
            return;
        }

        Assert.Equal((2, ""), (outcome.ExitCode, outcome.Output));
        Assert.Contains(message, Assert.Single(outcome.ErrorLines), StringComparison.Ordinal);
        Assert.Equal(["steps", "x"], _folder.Names());
    }

    [Fact]
    public void Nothing_is_drawn_among_lines_of_JSON()
    {
        var refused = SdProgram.Run([.. _small, "-s", "5", "-o", "cat.png", "--preview-format", "blocks", "--progress", "json"], _folder.Path, input: null);

        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("--preview-format draws where --progress json writes its lines", (string)System.Text.Json.Nodes.JsonNode.Parse(Assert.Single(refused.ErrorLines))!["message"]!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--animate", "cat.png", "must end in .webp or .gif")]
    [InlineData("--animate", "plain-file/cat.gif", "is a file, not a folder")]
    [InlineData("--steps-to", "plain-file", "is a file, not a folder")]
    [InlineData("--steps-to", "", "--steps-to needs a folder")]
    [InlineData("--preview-format", "ascii", "give kitty, iterm2, sixel or blocks")]
    [InlineData("--preview-format", "1", "give kitty, iterm2, sixel or blocks")]
    public void What_cannot_be_is_refused_before_anything_is_painted(string option, string value, string message)
    {
        File.WriteAllText(_folder.PathOf("plain-file"), "");
        var outcome = SdProgram.Run([.. _small, "-o", "cat.png", option, value], _folder.Path, input: null);
        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains(message, Assert.Single(outcome.ErrorLines), StringComparison.Ordinal);
        Assert.Equal(["plain-file"], _folder.Names());
    }

    [Fact]
    public void Without_a_terminal_the_preview_says_that_it_shows_nothing()
    {
        var outcome = Paint("-s", "5", "-o", "cat.png", "--preview");
        Assert.StartsWith("warning: --preview shows nothing", outcome.ErrorLines[0], StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', outcome.Errors);
    }

    [Theory]
    [InlineData("kitty", "\u001b_Ga=T,f=100,")]
    [InlineData("iterm2", "\u001b]1337;File=inline=1;")]
    [InlineData("sixel", "\u001bP0;1;0q")]
    [InlineData("blocks", "▀")]
    public void A_format_that_is_named_is_drawn_anywhere_and_never_on_standard_output(string format, string sign)
    {
        var outcome = Paint("-s", "5,6", "-o", "cat.png", "--preview-format", format);
        Assert.Equal(["cat-0.png", "cat-1.png"], outcome.OutputLines);
        Assert.Contains(sign, outcome.Errors, StringComparison.Ordinal);

        // Every picture is drawn where the cursor was kept, and the cursor goes down as many lines as it went up.
        var drawn = Regex.Matches(outcome.Errors, "\r\u001b\\[(\\d+)A\u001b7.*?\u001b8\u001b\\[(\\d+)B\r", RegexOptions.Singleline);
        Assert.True(drawn.Count >= 4, $"{drawn.Count} drawings: two pictures, each at least begun and finished");
        Assert.All(drawn, one => Assert.Equal(one.Groups[1].Value, one.Groups[2].Value));
    }

    /// <summary>A real terminal by util-linux' <c>script</c>, which answers no question: after a second the preview goes on with characters.</summary>
    [Fact]
    public void A_terminal_that_does_not_answer_gets_characters()
    {
        const string script = "/usr/bin/script";
        if (!File.Exists(script) || OperatingSystem.IsMacOS())
        {
            Assert.Skip("util-linux' script is not installed.");
        }

        var command = $"{SdProgram.ShellWords} {string.Join(' ', _small.Select(word => $"'{word}'"))} -s 5 -o cat.png --preview";
        var start = new ProcessStartInfo(script, ["-qec", command, "/dev/null"]) { WorkingDirectory = _folder.Path, RedirectStandardOutput = true, RedirectStandardInput = true };
        start.Environment["TERM"] = "xterm-256color";
        start.Environment["COLORTERM"] = "truecolor";
        start.Environment.Remove("TMUX");
        start.Environment.Remove("TERM_PROGRAM");
        start.Environment.Remove("LC_TERMINAL");
        using var process = Process.Start(start)!;
        var shown = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal((0, true), (process.ExitCode, File.Exists(_folder.PathOf("cat.png"))));
        Assert.Contains("\u001b[c", shown, StringComparison.Ordinal); // it was asked
        Assert.Contains("\u001b[38;2;", shown, StringComparison.Ordinal);
        Assert.Contains("cat.png", shown, StringComparison.Ordinal);
    }

    private SdProgram.Outcome Paint(params string[] arguments)
    {
        var outcome = SdProgram.Run([.. _small, .. arguments], _folder.Path, input: null);
        Assert.Equal("", outcome.ExitCode == 0 ? "" : outcome.Errors);
        return outcome;
    }

    private string[] Names(string folder) => [.. Directory.GetFiles(_folder.PathOf(folder)).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    private int Distance(string one, string other) => PngReader.Read(_folder.PathOf(one)).Image.Pixels.ToArray()
        .Zip(PngReader.Read(_folder.PathOf(other)).Image.Pixels.ToArray(), (a, b) => Math.Abs(a - b)).Max();
}
