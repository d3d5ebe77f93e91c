using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

/// <summary><c>explain</c>, run as a user runs it.</summary>
public sealed partial class ExplainProgramTests : IDisposable
{
    private const long LargestPage = 5_000_000;

    private static readonly string[] _chapters = ["glance", "text", "forward", "predictor", "steps", "attention", "guidance", "choices", "read-on"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_page_of_the_embedded_model_is_whole_in_itself()
    {
        var outcome = SdProgram.Run("explain", "a red apple, 3d render", "-s", "1", "--steps", "6", "-o", _folder.PathOf("apple.html"));
        Assert.Equal("", outcome.ExitCode == 0 ? "" : outcome.Errors);
        Assert.Equal(_folder.PathOf("apple.html"), Assert.Single(outcome.OutputLines));
        var page = File.ReadAllText(_folder.PathOf("apple.html"));
        Assert.InRange(new FileInfo(_folder.PathOf("apple.html")).Length, 1, LargestPage);
        Assert.All(_chapters, chapter => Assert.Contains($"<section id=\"{chapter}\"", page, StringComparison.Ordinal));

        // Nothing from outside: every address is data or an anchor of the page, and nothing else fetches.
        Assert.DoesNotMatch("url\\(|@import|fetch\\(|XMLHttpRequest|src='|href='", page);
        Assert.NotEmpty(Picture().Matches(page));
        Assert.All(Address().Matches(page), match => Assert.True(match.Groups[1].Value.StartsWith("data:image/", StringComparison.Ordinal) || match.Groups[1].Value.StartsWith('#'), match.Value[..Math.Min(match.Length, 60)]));
        Assert.All(Picture().Matches(page), match => Assert.Matches("alt=\"[^\"]+\"", match.Value[^Math.Min(match.Length, 300)..]));
        var ids = Id().Matches(page).Select(match => match.Groups[1].Value).ToList();
        Assert.Equal(ids.Count, ids.Distinct().Count());
        Assert.Equal(page.Split("<section").Length, page.Split("</section>").Length);
        Assert.Equal(page.Split("<figure").Length, page.Split("</figure>").Length);
    }

    [Fact]
    public void The_same_is_written_as_data()
    {
        var (model, path) = (Goldens.PathOf("models", "sd1"), _folder.PathOf("cat.json"));
        var outcome = SdProgram.Run("explain", "a (red:1.3) cat", "-m", model, "-s", "3", "--steps", "4", "--json", "-o", path);
        Assert.Equal("", outcome.ExitCode == 0 ? "" : outcome.Errors);
        var data = JsonNode.Parse(File.ReadAllText(path))!;
        Assert.Equal(_chapters.Select(chapter => chapter.Replace('-', '_')), data.AsObject().Select(entry => entry.Key));

        // The prompt's tokens with their weight, and 1 on the diagonal of their similarity.
        var tokens = data["text"]!["tokens"]!.AsArray();
        Assert.Equal(1.3, (double)tokens.Single(token => (string)token!["text"]! == "red")!["weight"]!, 5);
        Assert.All(data["text"]!["cosine_similarity"]!.AsArray().Select((row, i) => (double)row![i]!), value => Assert.Equal(1, value, 3));

        // sqrt(bar) of torch 1.13, see ForwardDiffusionTests.
        Assert.Equal(0.5256734, (double)data["forward"]!["levels"]!.AsArray().Single(level => (int)level!["t"]! == 500)!["alpha"]!, 5);
        Assert.Equal(20, data["predictor"]!["loss"]!.AsArray().Count);
        Assert.All(data["steps"]!["frames"]!.AsArray(), frame => Assert.StartsWith("data:image/", (string)frame!["predicted_clean"]!, StringComparison.Ordinal));
        Assert.Contains("'a (red:1.3) cat'", (string)data["read_on"]!["command"]!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sd2")]
    [InlineData("sdxl")]
    [InlineData("turbo")]
    [InlineData("lcm")]
    [InlineData("sd1-static")]
    [InlineData("sd1-fp16")]
    [InlineData("sd3")]
    [InlineData("sd3-no-t5")]
    [InlineData("flux-dev")]
    [InlineData("flux-schnell")]
    [InlineData("dit", "1")]
    [InlineData("ldm-bert")]
    [InlineData("ldm-uncond", "")]
    public void Every_kind_of_model_is_explained(string model, string prompt = "a cat")
    {
        // A Flux says 1024 pixels for itself, which its small decoder needs a second each for, and a page shows it some thirty times.
        string[] size = model.StartsWith("flux", StringComparison.Ordinal) ? ["--width", "128", "--height", "128"] : [];
        var outcome = SdProgram.Run(["explain", prompt, "-m", FamilyGoldens.ModelNamed(model), "-s", "3", "--steps", "3", .. size, "-q", "-o", _folder.PathOf("page.html")]);
        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Errors));
        var page = File.ReadAllText(_folder.PathOf("page.html"));
        Assert.All(["forward", "steps", "read-on"], chapter => Assert.Contains($"<section id=\"{chapter}\"", page, StringComparison.Ordinal));
        Assert.NotEmpty(Picture().Matches(page));
    }

    [Fact]
    public void What_asks_for_more_than_one_picture_of_the_models_own_size_is_left_out_and_said()
    {
        var outcome = SdProgram.Run("explain", "a cat", "-m", Goldens.PathOf("models", "sd1"), "-s", "3,4", "--steps", "3", "--hires-scale", "2", "-q", "-o", _folder.PathOf("page.html"));

        Assert.Equal(0, outcome.ExitCode);
        Assert.Equal(
            ["warning: explain is about one picture, that of seed 3; the others are left out.", "warning: explain is about the picture as it is before --hires-scale and --upscale, which are left out."],
            outcome.ErrorLines);
    }

    [Fact]
    public void A_picture_of_the_readers_own_is_noised()
    {
        var picture = Path.Combine(Repository.Root, "samples", "red-apple.png");
        var outcome = SdProgram.Run("explain", "a cat", "-i", picture, "-m", Goldens.PathOf("models", "sd1"), "-s", "3", "--steps", "3", "-o", _folder.PathOf("page.html"));
        Assert.Equal("", outcome.ExitCode == 0 ? "" : outcome.Errors);
        Assert.Contains("Your picture is turned into latents", File.ReadAllText(_folder.PathOf("page.html")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_prompt_cannot_break_out_of_the_page()
    {
        var outcome = SdProgram.Run("explain", "<script>alert(1)</script> & \"quotes\"", "-m", Goldens.PathOf("models", "sd1"), "--steps", "2", "-q", "-o", _folder.PathOf("page.html"));
        Assert.Equal(0, outcome.ExitCode);
        Assert.DoesNotContain("<script>alert", File.ReadAllText(_folder.PathOf("page.html")), StringComparison.Ordinal);
    }

    [Fact]
    public void The_files_that_the_page_names_exist() =>
        Assert.All(ReadOnChapter.Files, file => Assert.True(File.Exists(Path.Combine(Repository.Root, file)), file));

    [Fact]
    public async Task A_browser_shows_the_page_without_a_complaint()
    {
        const string chromium = "/usr/bin/chromium";
        if (!File.Exists(chromium))
        {
            Assert.Skip("Chromium is not installed.");
        }

        var outcome = SdProgram.Run("explain", "a cat", "-m", Goldens.PathOf("models", "sd1"), "--steps", "3", "-q", "-o", _folder.PathOf("page.html"));
        Assert.Equal(0, outcome.ExitCode);
        var start = new ProcessStartInfo(
            chromium,
            ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--enable-logging=stderr", "--v=0", $"--user-data-dir={_folder.PathOf("profile")}", "--dump-dom", $"file://{_folder.PathOf("page.html")}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var shown = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.DoesNotContain("CONSOLE", await errors, StringComparison.Ordinal);

        // The script ran: one slide is shown, and the slider says which.
        Assert.Equal(2, shown.Split("class=\"slide now\"").Length);
        Assert.Contains("aria-valuetext=\"call ", shown, StringComparison.Ordinal);
    }

    [GeneratedRegex("(?:src|href)=\"([^\"]*)\"")]
    private static partial Regex Address();

    [GeneratedRegex("<img [^>]*>")]
    private static partial Regex Picture();

    [GeneratedRegex(" id=\"([^\"]*)\"")]
    private static partial Regex Id();
}
