using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>What <c>--json</c> and a manifest say of one picture. Such a line is a line of a batch file as well, which makes that picture again.</summary>
internal static class ResultJson
{
    private const string Path = "path";
    private const string Sha256 = "sha256";
    private const string Image = "image";
    private const string Images = "images";

    /// <summary>What people and programs note down beside what is to be painted; left out of any line.</summary>
    private static readonly HashSet<string> _remarks = ["id", "line", "program", "notes"];

    /// <summary>Members of a result that say how a picture came out, not what was asked for. In other lines some are names of options.</summary>
    private static readonly HashSet<string> _results =
        [.. _remarks, Path, Sha256, Image, Images, "parameters", "model", "device", "seconds", "unet_batch", "model_id", "inputs"];

    /// <summary>What is asked for several pictures at once: a result is of one.</summary>
    private static readonly HashSet<string> _ofSeveral = [FieldTable.BatchCount, FieldTable.BatchSize, FieldTable.Picture];

    private static readonly JsonSerializerOptions _readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Whether a line is what <c>show --json</c> says of a picture.</summary>
    public static bool IsRecipe(IReadOnlyCollection<string> members) => members.Contains("program") && members.Contains("notes");

    /// <summary>Those of a line's members, or of a table's columns, that are skipped where it is read as a job.</summary>
    public static IReadOnlySet<string> SkippedOf(IReadOnlyCollection<string> members) => members.Contains(Path) && members.Contains(Sha256) ? _results : _remarks;

    /// <summary>Which of several pictures of its seed a line is of; null where there is one picture, or the line is no result.</summary>
    /// <param name="line">The line.</param>
    /// <param name="skipped">Its members that are skipped.</param>
    public static string? PictureOf(JsonElement line, IReadOnlySet<string> skipped) =>
        skipped.Contains(Image) && line.TryGetProperty(Images, out var images) && images.ValueKind == JsonValueKind.Number && images.TryGetInt32(out var count) && count > 1
        && line.TryGetProperty(Image, out var image) && image.ValueKind == JsonValueKind.Number
            ? image.GetRawText()
            : null;

    /// <summary>Whether a member that would be skipped was added by somebody who means the option: <c>image</c> is a number in a result, and a file as an option.</summary>
    public static bool IsOption(string member, JsonValueKind kind) => member == Image && kind != JsonValueKind.Number;

    /// <summary>The line of one picture.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="sha256">The hash of its file.</param>
    /// <param name="job">What was asked for.</param>
    /// <param name="images">Pictures of its seed.</param>
    /// <param name="picture">What came of it.</param>
    /// <param name="pipeline">What painted it.</param>
    public static JsonObject Of(string path, string sha256, JsonObject job, int images, GeneratedImage picture, TextToImagePipeline pipeline)
    {
        var line = new JsonObject { [Path] = path };
        foreach (var (name, value) in job.Where(member => !_ofSeveral.Contains(member.Key)))
        {
            line[name] = value?.DeepClone();
        }

        var (loading, text, encoding, denoising, decoding) = picture.Timings;
        line[FieldTable.Seed] = unchecked((ulong)picture.Seed);
        // It may have been drawn, or counted up.
        if (picture.Parameters.Extra.FirstOrDefault(field => field.Key == PictureFields.VariationSeed).Value is { } variation)
        {
            line[FieldTable.VariationSeed] = JsonNode.Parse(variation);
        }

        line["width"] = picture.Parameters.Width;
        line["height"] = picture.Parameters.Height;
        line["steps"] = picture.Parameters.Steps;
        line[Image] = picture.IndexInSeed;
        line[Images] = images;
        line["parameters"] = picture.Parameters.ToInfotext();
        line["model"] = pipeline.Folder.Name;
        line["device"] = pipeline.Device;
        line[Sha256] = sha256;
        line["seconds"] = new JsonObject
        {
            ["load"] = Seconds(loading),
            ["text"] = Seconds(text),
            ["init_image"] = Seconds(encoding),
            ["unet"] = Seconds(denoising),
            ["vae"] = Seconds(decoding),
        };
        return line;
    }

    /// <summary>The object in one line, with letters of all languages as they are.</summary>
    public static string ToText(JsonNode line) => line.ToJsonString(_readable);

    private static double Seconds(TimeSpan time) => Math.Round(time.TotalSeconds, 4);
}
