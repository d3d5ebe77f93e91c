using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>Classifier-free guidance: with the prompt, without, and what is made of the difference.</summary>
internal static class GuidanceChapter
{
    private static readonly double[] _scales = [1, 3, 7.5, 15];

    public static Chapter? Write(Explanation run, Latents clean, float[] noise)
    {
        var forward = run.Probe.Forward;
        var t = forward.Count * 7 / 10;
        var noisy = forward.Noise(clean, noise, t);
        var said = run.Probe.Predict(noisy, t);
        if (said.Without is not { } without)
        {
            return null;
        }

        var data = new JsonObject { ["t"] = t };
        var difference = said.With.Zip(without, (a, b) => a - b).ToArray();
        var reach = Math.Max(difference.Select(Math.Abs).Max(), 1e-6f);
        var scale = Math.Max(1, 160 / clean.Height);
        var html = Html.Paragraph($"At every step the network is asked twice: with the prompt and without (t = {t} here). What differs is what the prompt adds; guidance takes it not once but several times: <i>without + scale · (with − without)</i>.")
            + Html.Row(
                Explanation.Figure(run.Probe.Decode(run.Probe.CleanOf(noisy, said.With, t)), 192, "The picture in mind with the prompt", "with the prompt", data, "with"),
                Explanation.Figure(run.Probe.Decode(run.Probe.CleanOf(noisy, without, t)), 192, "The picture in mind without the prompt", "without", data, "without"),
                Explanation.ExactFigure(Drawing.FalseColours(clean.With(difference), reach, scale), 192, "The difference of both predictions", "the difference of both answers", data, "difference"))
            + Html.Paragraph("The same seed at four scales. Too little, and the words hardly count; too much, and colours burn.")
            + Html.Row(_scales.Select(one => Explanation.Figure(
                run.Paint(request => request with { GuidanceScale = one }).Image, 192, $"The same seed at guidance scale {Html.Number(one)}", $"scale {Html.Number(one)}{(one == 1 ? " (off)" : "")}", data, $"scale{Html.Number(one)}")));
        return new Chapter("guidance", "Guidance", html, data);
    }
}
