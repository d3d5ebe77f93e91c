using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>Forward diffusion: how training examples are made.</summary>
internal static class ForwardChapter
{
    private static readonly int[] _shown = [0, 100, 250, 500, 750, 999];

    public static Chapter Write(Explanation run, Latents clean, float[] noise)
    {
        var (probe, forward) = (run.Probe, run.Probe.Forward);
        var shown = _shown.Where(step => step < forward.Count).ToList();
        var data = new JsonObject();
        var levels = new JsonArray();
        var figures = new List<string>();
        foreach (var step in shown)
        {
            var (alpha, sigma) = forward.At(step);
            levels.Add((JsonNode)new JsonObject { ["t"] = step, ["alpha"] = alpha, ["sigma"] = sigma });
            figures.Add(Explanation.Figure(
                probe.Decode(forward.Noise(clean, noise, step)), 192, $"The picture noised to time step {step}, decoded",
                $"t = {step}<br>{Html.Number(alpha)} · picture + {Html.Number(sigma)} · noise", data, $"t{step}"));
        }

        data["levels"] = levels;
        Chart.Curve Of(string name, Func<int, float> value, IEnumerable<int> steps, bool dots = false) => new(name, [.. steps.Select(step => ((double)step, (double)value(step)))], dots);
        var all = Enumerable.Range(0, 101).Select(i => i * (forward.Count - 1) / 100);
        var (alphaName, sigmaName) = forward.IsFlow ? ("1 − σ: share of the picture", "σ: share of the noise") : ("√ᾱ: share of the picture", "√(1 − ᾱ): share of the noise");
        var chart = Chart.Lines(
            "The shares of picture and noise by time step", "time step t", "share",
            Of(alphaName, step => forward.At(step).Alpha, all), Of(sigmaName, step => forward.At(step).Sigma, all), Of("the pictures below", step => forward.At(step).Sigma, shown, dots: true));
        var equation = forward.IsFlow
            ? "z<sub>t</sub> = (1 − σ<sub>t</sub>) z<sub>0</sub> + σ<sub>t</sub> ε"
            : "z<sub>t</sub> = √ᾱ<sub>t</sub> z<sub>0</sub> + √(1 − ᾱ<sub>t</sub>) ε";
        var html = Html.Paragraph($"How does a network learn to take noise away? By being shown noise that was put there. {(run.Given is null ? "The finished picture" : "Your picture")} is turned into latents z<sub>0</sub>, noise ε is drawn, and the two are mixed:")
            + $"<p class=\"equation\">{equation}</p>\n" + chart + Html.Row(figures)
            + Html.Paragraph("One training example is a noisy picture, its time step and its caption; the answer is the noise. Millions of them can be made from one drawing: any time step, any noise.");
        return new Chapter("forward", "Forward diffusion", html, data);
    }
}
