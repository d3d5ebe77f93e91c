using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>The whole at a glance: which network hands what to which.</summary>
internal static class GlanceChapter
{
    public static Chapter Write(Explanation run)
    {
        var (folder, plan, timings) = (run.Pipeline.Folder, run.Probe.Plan, run.Picture.Timings);
        var latents = run.Picture.Latents;
        var report = ModelReport.Of(folder.Path);
        var told = string.Join(", ", run.Probe.Told.Positive.Inputs.Select(input => $"{input.Key} [{string.Join(" × ", input.Value.Shape)}]"));
        var data = new JsonObject
        {
            ["model"] = folder.Name,
            ["family"] = folder.PipelineClass,
            ["seconds"] = Math.Round(run.Seconds, 3),
            ["parameters"] = new JsonObject(report.Networks.Select(network => KeyValuePair.Create(network.Part, (JsonNode?)network.Parameters))),
        };
        var encoders = report.Networks.Where(network => network.Part.StartsWith("text_encoder", StringComparison.Ordinal)).ToList();
        var denoiser = report.Networks.FirstOrDefault(network => network.Part is "unet" or "transformer");
        var decoder = report.Networks.FirstOrDefault(network => network.Part.EndsWith("decoder", StringComparison.Ordinal) && network.Part.StartsWith("vae", StringComparison.Ordinal));
        var flow = $"""
            <ol class="flow" aria-label="From prompt to picture">
            <li><b>Prompt</b><span>{Html.Text(run.Request.Prompt.Length > 0 ? $"“{run.Request.Prompt}”" : "(none)")}</span></li>
            <li><b>Text encoder</b><span>{Parameters(encoders)}</span><span>gives {Html.Text(told)}</span><span>{Seconds(timings.TextEncoding)}</span></li>
            <li><b>Image information creator</b><span>{(denoiser is null ? "" : Html.Text(denoiser.Part))} + scheduler {Html.Text(run.Picture.Parameters.Sampler ?? "")}</span><span>{Parameters(denoiser is null ? [] : [denoiser])}</span><span>{plan.Calls} calls over latents {latents.Channels} × {latents.Height} × {latents.Width}</span><span>{Seconds(timings.Denoising)}</span></li>
            <li><b>Image decoder</b><span>{Parameters(decoder is null ? [] : [decoder])}</span><span>gives 3 × {run.Picture.Image.Height} × {run.Picture.Image.Width}</span><span>{Seconds(timings.Decoding)}</span></li>
            </ol>
            """;
        var figure = Explanation.Figure(
            run.Picture.Image, 512, $"The picture that was painted for “{run.Request.Prompt}”", $"Seed {run.Picture.Seed}, {plan.Steps} steps, guidance {Html.Number(plan.Scale)}", data, "picture");
        var html = Html.Paragraph("Three networks made this picture, one after the other. Everything on this page was computed by this run; nothing is drawn by hand.")
            + figure + flow
            + Html.Paragraph("The middle part never sees a pixel. It works on <i>latents</i>, a small stack of number grids that stands for the picture, and only the decoder turns them into colours. That is what made this kind of model cheap enough for everybody.");
        return new Chapter("glance", "The whole at a glance", html, data);
    }

    private static string Parameters(List<NetworkReport> networks) =>
        networks.Count == 0 ? "" : $"{Html.Count(networks.Sum(network => network.Parameters))} parameters";

    private static string Seconds(TimeSpan time) => $"{Html.Number(time.TotalSeconds)} s";
}
