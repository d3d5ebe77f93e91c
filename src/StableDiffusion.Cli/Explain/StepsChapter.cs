using System.Numerics.Tensors;
using System.Text;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>The run step by step: a slider, a filmstrip, and how much each step changes.</summary>
internal static class StepsChapter
{
    private const int Frame = 128;
    private const int MostFrames = 50;

    public static Chapter Write(Explanation run)
    {
        var data = new JsonObject();
        var all = run.Steps;

        // Long runs are shown every other, third … step; the first and the last are always among them.
        var every = (all.Count + MostFrames - 1) / MostFrames;
        var shown = Enumerable.Range(0, all.Count).Where(i => i % every == 0 || i == all.Count - 1).ToList();
        var frames = new JsonArray();
        var (slides, strip) = (new StringBuilder(), new List<string>());
        foreach (var i in shown)
        {
            var step = all[i];
            var noisy = run.Probe.Decode(run.AsNetworkSees(step));
            var clean = run.Probe.Decode(step.PredictedClean);
            var frame = new JsonObject { ["call"] = i + 1, ["timestep"] = step.Timestep, ["alpha"] = step.Alpha, ["sigma"] = step.Sigma };
            var text = $"call {i + 1} of {all.Count}, t = {Html.Number(step.Timestep, "0.#")}, σ = {Html.Number(step.Sigma)}";
            var pair = Explanation.Figure(noisy, Frame, $"The latents before {text}, decoded", "the latents, decoded", frame, "noisy")
                + Explanation.Figure(clean, Frame, $"The clean picture the network has in mind at {text}", "the picture it has in mind", frame, "predicted_clean");
            slides.Append($"<div class=\"slide\" id=\"step{i + 1}\" data-label=\"{Html.Text(text)}\"><p>{text}</p><div class=\"row\">{pair}</div></div>\n");
            strip.Add(Html.Figure((string)frame["predicted_clean"]!, 80, 80 * clean.Height / clean.Width, $"Step {i + 1}", $"{i + 1}"));
            frames.Add((JsonNode)frame);
        }

        data["frames"] = frames;
        var changes = Changes(all);
        data["change"] = new JsonArray([.. changes.Select(change => (JsonNode)Math.Round(change.Y, 5))]);
        var largest = changes.Count == 0 ? 0 : changes.MaxBy(change => change.Y).X;
        var html = Html.Paragraph($"Painting runs the film backwards. It starts from pure noise (from seed {run.Picture.Seed}) and asks the predictor {all.Count} times; each time the scheduler takes a part of the predicted noise away. Move the slider:")
            + $"""
               <div class="player" data-count="{shown.Count}">
               <label>Step <input type="range" min="0" max="{shown.Count - 1}" value="{shown.Count - 1}" aria-label="Step of the run"></label>
               <output aria-live="polite"></output>
               {slides}</div>

               """
            + Html.Paragraph("All steps as a filmstrip, by the picture the network has in mind:")
            + $"<div class=\"strip\" tabindex=\"0\" role=\"region\" aria-label=\"Filmstrip of all steps\">{string.Concat(strip)}</div>\n"
            + (changes.Count < 2 ? "" : Html.Paragraph($"How much does each step change that picture? The largest change comes between steps {largest:0} and {largest + 1:0}: watch the outline appear there; what follows is detail.")
                + Chart.Lines("Change of the predicted picture by step", "step", "change", new Chart.Curve("mean squared change of the predicted clean latents", changes, Dots: true)))
            + Channels(run, data);
        return new Chapter("steps", "Step by step", html, data);
    }

    /// <summary>By step, the mean squared change of the predicted clean latents to the next step's.</summary>
    private static List<(double X, double Y)> Changes(List<DenoisingStep> steps) => [.. Enumerable.Range(0, Math.Max(steps.Count - 1, 0)).Select(i =>
    {
        var distance = TensorPrimitives.Distance(steps[i].PredictedClean.Values, steps[i + 1].PredictedClean.Values);
        return (i + 1.0, (double)distance * distance / steps[i].PredictedClean.Values.Length);
    })];

    private static string Channels(Explanation run, JsonObject data)
    {
        var latents = run.Picture.Latents;
        var plane = latents.Height * latents.Width;
        var figures = Enumerable.Range(0, Math.Min(latents.Channels, 16)).Select(channel =>
        {
            var values = latents.Values.AsSpan(channel * plane, plane);
            var magnitudes = values.ToArray().Select(Math.Abs).Order().ToArray();
            var reach = Math.Max(magnitudes[(int)(0.98 * (magnitudes.Length - 1))], 1e-6f); // a few outliers would leave the rest pale
            return Explanation.ExactFigure(
                Drawing.Signed(values, latents.Height, latents.Width, reach, Math.Max(1, 128 / latents.Height)), 144,
                $"Channel {channel + 1} of the finished latents", $"channel {channel + 1}", data, $"channel{channel + 1}");
        });
        return Html.Paragraph($"These are the finished latents themselves, {latents.Channels} grids of {latents.Height} × {latents.Width} numbers, {Html.Count(latents.Values.Length)} in all; the picture has {Html.Count(3L * run.Picture.Image.Width * run.Picture.Image.Height)}.")
            + Html.Row(figures);
    }
}
