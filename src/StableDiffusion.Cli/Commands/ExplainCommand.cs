using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace StableDiffusion.Cli;

/// <summary><c>explain</c>: one page that shows how this very picture came to be.</summary>
internal static class ExplainCommand
{
    public static Command Create()
    {
        var image = new ImageOptions();
        var program = new ProgramOptions();
        var output = new Option<string?>("--output", "-o") { Description = "Where the page goes; with --json the data. [default: explanation.html, explanation.json]", HelpName = "file.html|file.json" };
        var command = new Command(
            "explain",
            """
            Paints a picture and writes one page that shows how it came to be, with figures of this very run: tokens, noise, each step, what every word
            looks at, guidance, choices. With --init-image the page noises that picture, and the run starts from noise all the same. With --json it
            writes the numbers and pictures as data instead. Takes all options of painting. Example:
              sd explain "a red apple, 3d render" -o apple.html
            """)
        {
            image.PromptArgument, program.Model, output,
        };
        foreach (var option in (IEnumerable<Option>)[.. image.All, .. program.All])
        {
            command.Add(option);
        }

        command.SetAction(parsed => Run(parsed, image, program, parsed.GetValue(output)));
        return command;
    }

    private static int Run(ParseResult parsed, ImageOptions image, ProgramOptions program, string? output)
    {
        var watch = Stopwatch.StartNew();
        var log = program.Log(parsed);
        using var interruption = new Interruption();
        try
        {
            var path = PathOf(output, program.Json(parsed));
            AtomicFile.RequireWritable(path);
            var request = image.Request(parsed, () => program.Folder(parsed));
            var given = request.InitImage;
            if (request.Mask is not null || request.Strength is not null)
            {
                log.Warn("explain is about a picture from noise alone; --mask and --strength are left out.");
            }

            request = OnePicture(request with { InitImage = null, Strength = null, Mask = null }, log);
            using var pipeline = program.Open(parsed, log);
            if (pipeline.Folder.Family is InpaintingFamily)
            {
                throw new RequestException($"{pipeline.Folder.Name} is made for inpainting, and explain is about a picture from noise alone; choose another model with --model.");
            }

            var explanation = Explanation.Of(pipeline, request, given, interruption.Token);
            var chapters = ExplanationPage.Compute(explanation, Command(parsed), log.Detail, log.Warn);
            var text = program.Json(parsed) ? ResultJson.ToText(ExplanationPage.ToJson(chapters)) + "\n" : ExplanationPage.ToHtml(chapters, request.Prompt);
            var bytes = Encoding.UTF8.GetBytes(text);
            AtomicFile.Write(path, stream => stream.Write(bytes));
            Console.Out.WriteLine(path);
            log.Info(string.Create(CultureInfo.InvariantCulture, $"{chapters.Count} chapters, {ByteSize.Of(bytes.Length)}, in {watch.Elapsed.TotalSeconds:0.0} s ({watch.Elapsed.TotalSeconds / Math.Max(explanation.Seconds, 0.001):0} times the picture)"));
            return ExitCode.Done;
        }
        catch (OperationCanceledException)
        {
            log.Error("stopped; nothing was written.");
            return interruption.ExitCode;
        }
    }

    /// <summary>The page is about one picture, as the model makes it; what asks for more is left out, and said.</summary>
    private static ImageRequest OnePicture(ImageRequest request, ConsoleLog log)
    {
        if (request.Seeds.Count * request.ImagesPerSeed > 1)
        {
            log.Warn($"explain is about one picture, that of seed {Seeds.Text(request.Seeds[0])}; the others are left out.");
        }

        if (request.Hires is not null || request.Upscale is not null || request.Upscaler is not null)
        {
            log.Warn("explain is about the picture as it is before --hires-scale and --upscale, which are left out.");
        }

        return request with { Seeds = [request.Seeds[0]], ImagesPerSeed = 1, Hires = null, Upscale = null, Upscaler = null };
    }

    /// <summary>Where the result goes: a name that says what it is, so that no picture is written over.</summary>
    private static string PathOf(string? output, bool isData)
    {
        var ending = isData ? ".json" : ".html";
        return output is null ? "explanation" + ending
            : output.EndsWith(ending, StringComparison.OrdinalIgnoreCase) || output.StartsWith("/dev/", StringComparison.Ordinal) ? output
            : throw new RequestException($"--output {OneLine.Quote(output)} must end in {ending}{(isData ? ", for data" : ", for a page; data needs --json")}.");
    }

    /// <summary>The command line as it can be typed again.</summary>
    private static string Command(ParseResult parsed) => "sd " + string.Join(' ', parsed.Tokens.Select(token => token.Value).Select(word =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || "-_./:=,@%+".Contains(c, StringComparison.Ordinal)) ? word : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'"));
}
