using System.Reflection;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>All chapters in the order in which the data flows, as one page or as data.</summary>
internal static class ExplanationPage
{
    private const string Template = "StableDiffusion.Cli.Explain.page.html";

    /// <summary>Computes all chapters; <paramref name="report"/> is told which one is in the works, <paramref name="warn"/> what had to be left out.</summary>
    public static IReadOnlyList<Chapter> Compute(Explanation run, string command, Action<string> report, Action<string> warn)
    {
        var probe = run.Probe;

        // Not the noise that the picture was painted from: the network would know it too well.
        var noise = new TorchRandom(unchecked(run.Picture.Seed + 1));
        var clean = run.Given is { } given && probe.HasEncoder ? probe.Encode(given, null) : run.Picture.Latents;
        var drawn = new float[clean.Values.Length];
        noise.Draw(drawn);
        Func<Chapter?>[] chapters =
        [
            () => GlanceChapter.Write(run),
            () => TextChapter.Write(run),
            () => ForwardChapter.Write(run, clean, drawn),
            () => PredictorChapter.Write(run, clean, drawn),
            () => StepsChapter.Write(run),
            () => AttentionChapter.Write(run, warn),
            () => GuidanceChapter.Write(run, clean, drawn),
            () => ChoicesChapter.Write(run),
            () => TransformerChapter.Write(run),
            () => ReadOnChapter.Write(command),
        ];
        var written = new List<Chapter>();
        for (var i = 0; i < chapters.Length; i++)
        {
            report($"chapter {i + 1} of {chapters.Length}");
            if (chapters[i]() is { } chapter)
            {
                written.Add(chapter);
            }
        }

        return written;
    }

    /// <summary>The page: one file without any other.</summary>
    public static string ToHtml(IReadOnlyList<Chapter> chapters, string prompt)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(Template)!;
        using var reader = new StreamReader(stream);
        var title = prompt.Length > 0 ? $"How “{prompt}” was painted" : "How this picture was painted";
        var contents = string.Concat(chapters.Select((chapter, i) => $"<li><a href=\"#{chapter.Id}\">{Html.Text(chapter.Title)}</a></li>"));
        var body = string.Concat(chapters.Select((chapter, i) => $"<section id=\"{chapter.Id}\" aria-labelledby=\"{chapter.Id}-title\"><h2 id=\"{chapter.Id}-title\"><span>{i + 1}</span> {Html.Text(chapter.Title)}</h2>\n{chapter.Html}</section>\n"));
        return reader.ReadToEnd()
            .Replace("{{title}}", Html.Text(title), StringComparison.Ordinal)
            .Replace("{{contents}}", contents, StringComparison.Ordinal)
            .Replace("{{chapters}}", body, StringComparison.Ordinal);
    }

    public static JsonObject ToJson(IReadOnlyList<Chapter> chapters) => new(chapters.Select(chapter => KeyValuePair.Create(chapter.Id.Replace('-', '_'), (JsonNode?)chapter.Data)));
}
