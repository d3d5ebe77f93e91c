using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>The noise predictor: what it is asked, what it says, and how wrong it is at each time step.</summary>
internal static class PredictorChapter
{
    private const int Points = 20;

    public static Chapter Write(Explanation run, Latents clean, float[] noise)
    {
        var (probe, forward) = (run.Probe, run.Probe.Forward);
        var t = Math.Min(500, forward.Count / 2);
        var data = new JsonObject { ["t"] = t };
        var noisy = forward.Noise(clean, noise, t);
        var said = probe.Predict(noisy, t);
        var predicted = probe.NoiseOf(noisy, said.With, t);
        var rest = probe.CleanOf(noisy, said.With, t);
        var scale = Math.Max(1, 160 / clean.Height);
        string Grid(float[] values, string description, string caption, string key) =>
            Explanation.ExactFigure(Drawing.FalseColours(clean.With(values), 3, scale), 192, description, caption, data, key);
        var figures = Html.Row(
            Explanation.Figure(probe.Decode(noisy), 192, $"Noisy latents at time step {t}, decoded", $"what the network sees, decoded (t = {t})", data, "noisy"),
            Grid(noise, "The true noise, three channels as colours", "the noise that was added", "true_noise"),
            Grid(predicted, "The predicted noise, three channels as colours", "the noise it predicts", "predicted_noise"),
            Grid([.. noise.Zip(predicted, (a, b) => a - b)], "The difference between both", "the difference of both", "difference"),
            Explanation.Figure(probe.Decode(rest), 192, "The picture left after subtracting the predicted noise", "what is left after subtracting it, decoded", data, "left"));

        var points = Enumerable.Range(0, Points).Select(i => (int)Math.Round((i + 0.5) * forward.Count / Points)).Where(step => step < forward.Count).ToList();
        var (with, without, losses) = (new List<(double, double)>(), new List<(double, double)>(), new JsonArray());
        foreach (var step in points)
        {
            var at = forward.Noise(clean, noise, step);
            var answer = probe.Predict(at, step);
            var target = probe.TargetOf(clean, noise, step);
            var loss = MeanSquare(target, answer.With);
            var blind = answer.Without is null ? (double?)null : MeanSquare(target, answer.Without);
            with.Add((step, loss));
            if (blind is { } value)
            {
                without.Add((step, value));
            }

            losses.Add((JsonNode)new JsonObject { ["t"] = step, ["with_prompt"] = loss, ["without_prompt"] = blind });
        }

        data["loss"] = losses;
        var curves = new List<Chart.Curve> { new("with the prompt", with, Dots: true) };
        if (without.Count > 0)
        {
            curves.Add(new("without", without, Dots: true));
        }

        var kind = probe.Plan.Predicts switch
        {
            PredictionType.V => "‖v − v<sub>θ</sub>‖², with v = √ᾱ ε − √(1 − ᾱ) z<sub>0</sub>",
            PredictionType.Flow => "‖(ε − z<sub>0</sub>) − v<sub>θ</sub>‖²",
            PredictionType.Sample => "‖z<sub>0</sub> − z<sub>θ</sub>‖²",
            _ => "‖ε − ε<sub>θ</sub>‖²",
        };
        var html = Html.Paragraph("The network gets noisy latents and the time step and says which part of them is noise. Here it is asked about the picture above, and its answer is held against the truth.")
            + figures
            + Html.Paragraph($"Training makes one number small, the <i>loss</i>: the mean of {kind}. Measured here on this one picture and noise at {points.Count} time steps, with the prompt and without:")
            + Chart.Lines("The loss by time step", "time step t", "loss", curves)
            + Gap(with, without);
        return new Chapter("predictor", "The noise predictor", html, data);
    }

    /// <summary>Where the prompt helps most, computed from the curves.</summary>
    private static string Gap(List<(double X, double Y)> with, List<(double X, double Y)> without)
    {
        if (without.Count == 0)
        {
            return "";
        }

        var (x, gap) = with.Zip(without, (a, b) => (a.X, Gap: b.Y - a.Y)).MaxBy(point => point.Gap);
        return Html.Paragraph(gap > 0
            ? $"The gap between the curves is what the words know. Here it is widest at t = {Html.Number(x)}, where the prompt lowers the loss by {Html.Number(gap)}."
            : "The gap between the curves is what the words know. Here the prompt lowers the loss nowhere: it does not describe this picture to this network.");
    }

    /// <summary>The mean of the squared differences.</summary>
    private static double MeanSquare(float[] a, float[] b)
    {
        double sum = 0;
        for (var i = 0; i < a.Length; i++)
        {
            sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        }

        return sum / a.Length;
    }
}
