using System.Diagnostics;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>One run that is explained: painted once and watched, and its parts asked again where a chapter wants to know more.</summary>
internal sealed class Explanation
{
    private const int Quality = 85; // of WebP

    private readonly CancellationToken _cancellation;

    private Explanation(TextToImagePipeline pipeline, ImageRequest request, RgbImage? given, CancellationToken cancellation)
    {
        _cancellation = cancellation;
        Pipeline = pipeline;
        Request = request with { ReportsSteps = true };
        Given = given;
        var watch = Stopwatch.StartNew();
        Picture = pipeline.Generate(Request, new Watch(Steps), cancellation).First();
        Seconds = watch.Elapsed.TotalSeconds;
        Probe = pipeline.Probe(Request, cancellation);
    }

    public TextToImagePipeline Pipeline { get; }

    public ImageRequest Request { get; }

    /// <summary>A picture of the reader's own for the forward process; null for the painted one.</summary>
    public RgbImage? Given { get; }

    /// <summary>The run's picture.</summary>
    public GeneratedImage Picture { get; }

    /// <summary>The time of the run.</summary>
    public double Seconds { get; }

    /// <summary>The run's calls from inside.</summary>
    public List<DenoisingStep> Steps { get; } = [];

    public PipelineProbe Probe { get; }

    public static Explanation Of(TextToImagePipeline pipeline, ImageRequest request, RgbImage? given, CancellationToken cancellation) =>
        new(pipeline, request, given, cancellation);

    /// <summary>Paints a variation of the request.</summary>
    public GeneratedImage Paint(Func<ImageRequest, ImageRequest> vary) =>
        Pipeline.Generate(vary(Request with { ReportsSteps = false }), null, _cancellation).First();

    /// <summary>A figure with a picture of at most <paramref name="most"/> pixels; <paramref name="data"/> gets the picture under <paramref name="key"/>.</summary>
    public static string Figure(RgbImage picture, int most, string description, string caption, JsonObject data, string key, string kind = "") =>
        Figure(picture, PictureKind.WebP, most, description, caption, data, key, kind);

    /// <summary>The same for numbers drawn as colours, which keep every pixel.</summary>
    public static string ExactFigure(RgbImage picture, int most, string description, string caption, JsonObject data, string key, string kind = "") =>
        Figure(picture, PictureKind.Png, most, description, caption, data, key, kind);

    /// <summary>The latents of a call as the network has them, of about unit variance, whatever the scheduler's own coordinates.</summary>
    public Latents AsNetworkSees(DenoisingStep step)
    {
        if (Probe.Forward.IsFlow)
        {
            return step.Before;
        }

        var length = MathF.Sqrt((step.Alpha * step.Alpha) + (step.Sigma * step.Sigma));
        return step.Before.With([.. step.Before.Values.Select(value => value / length)]);
    }

    private static string Figure(
        RgbImage picture, PictureKind format, int most, string description, string caption, JsonObject data, string key, string kind)
    {
        var thumbnail = Drawing.Thumbnail(picture, most);
        using var stream = new MemoryStream();
        PictureWriter.Write(stream, thumbnail, format, quality: Quality);
        var uri = $"data:image/{format.ToString().ToLowerInvariant()};base64,{Convert.ToBase64String(stream.GetBuffer(), 0, (int)stream.Length)}";
        data[key] = uri;
        return Html.Figure(uri, thumbnail.Width, thumbnail.Height, description, caption, kind);
    }

    private sealed class Watch(List<DenoisingStep> steps) : IProgress<GenerationProgress>
    {
        public void Report(GenerationProgress value)
        {
            if (value.Step is { } step)
            {
                steps.Add(step);
            }
        }
    }
}
