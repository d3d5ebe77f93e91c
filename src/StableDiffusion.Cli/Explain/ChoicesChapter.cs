using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>What a user can choose: scheduler, steps, seed, strength.</summary>
internal static class ChoicesChapter
{
    private const int Side = 160;

    private static readonly string[] _schedulers = ["ddim", "euler", "euler_a", "dpmpp_2m", "flow"];
    private static readonly int[] _steps = [5, 10, 25, 50];
    private static readonly double[] _strengths = [0.25, 0.5, 0.75, 1];

    public static Chapter Write(Explanation run)
    {
        var data = new JsonObject();
        var family = run.Pipeline.Folder.Family;
        string Show(Func<ImageRequest, ImageRequest> vary, string caption, string key)
        {
            try
            {
                return Explanation.Figure(run.Paint(vary).Image, Side, $"The picture with {caption}", caption, data, key);
            }
            catch (RequestException)
            {
                return ""; // not for this model: a scheduler without a rule for what it predicts, more steps than it allows
            }
        }

        // Steps are of the scheduler's own making; a model for few steps is not asked for many.
        var steps = run.Probe.Plan.Steps <= 8 ? [1, 2, 4, 8] : _steps;
        var html = Html.Paragraph("The same prompt and seed with other choices, computed like the picture above. First the <i>scheduler</i>, the rule by which noise is taken away:")
            + Html.Row(SchedulerTable.Entries.Where(entry => _schedulers.Contains(entry.Name) && family.CanUse(entry))
                .Select(entry => Show(request => request with { Scheduler = entry.Name, SchedulerConfig = new Dictionary<string, JsonNode?>(), Eta = null }, entry.WebUiName, $"scheduler_{entry.Name}")))
            + Html.Paragraph("Then the number of steps:")
            + Html.Row(steps.Select(count => Show(request => request with { Steps = count }, $"{count} steps", $"steps_{count}")))
            + Html.Paragraph("The seed: the same words from other noise.")
            + Html.Row(Enumerable.Range(0, 4).Select(i => Show(request => request with { Seeds = [run.Picture.Seed + i] }, $"seed {run.Picture.Seed + i}", $"seed_{i}")));
        if (run.Probe.HasEncoder && run.Request.InitImage is null)
        {
            html += Html.Paragraph("And picture to picture: the run starts not from pure noise but from a picture (here the painted one, turned around) with some noise on it. The more noise, the freer the run.")
                + Html.Row(_strengths.Select(strength => Show(
                    request => request with { InitImage = Mirrored(run.Picture.Image), Strength = strength, Seeds = [run.Picture.Seed + 1], Width = run.Picture.Image.Width, Height = run.Picture.Image.Height },
                    $"strength {Html.Number(strength)}", $"strength_{Html.Number(strength)}")));
        }

        return new Chapter("choices", "Choices", html, data);
    }

    private static RgbImage Mirrored(RgbImage picture)
    {
        var source = picture.Pixels.Span;
        var pixels = new byte[source.Length];
        for (var y = 0; y < picture.Height; y++)
        {
            for (var x = 0; x < picture.Width; x++)
            {
                source.Slice(((y * picture.Width) + picture.Width - 1 - x) * 3, 3).CopyTo(pixels.AsSpan(((y * picture.Width) + x) * 3));
            }
        }

        return new RgbImage(picture.Width, picture.Height, pixels);
    }
}
