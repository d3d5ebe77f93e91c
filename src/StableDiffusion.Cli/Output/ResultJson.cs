using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>What <c>--json</c> and a manifest say of one picture. Such a line is a line of a batch file as well.</summary>
internal static class ResultJson
{
    /// <summary>Members that say how a picture came out, not what was asked for.</summary>
    private static readonly HashSet<string> _results =
        ["path", "sha256", "id", "line", "image", "images", "parameters", "model", "device", "seconds", "unet_batch", "model_id", "inputs", "program", "notes"];

    private static readonly JsonSerializerOptions _readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Whether a member of that name is skipped where a result is read as a job.</summary>
    public static bool IsResult(string member) => _results.Contains(member);

    /// <summary>The line of one picture.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="file">The file's bytes.</param>
    /// <param name="job">What was asked for.</param>
    /// <param name="picture">What came of it.</param>
    /// <param name="pipeline">What painted it.</param>
    public static JsonObject Of(string path, byte[] file, JsonObject job, GeneratedImage picture, TextToImagePipeline pipeline)
    {
        var line = new JsonObject { ["path"] = path };
        foreach (var (name, value) in job)
        {
            line[name] = value?.DeepClone();
        }

        var (loading, text, encoding, denoising, decoding) = picture.Timings;
        line["seed"] = unchecked((ulong)picture.Seed);
        line["width"] = picture.Parameters.Width;
        line["height"] = picture.Parameters.Height;
        line["steps"] = picture.Parameters.Steps;
        line["image"] = picture.IndexInSeed;
        line["parameters"] = picture.Parameters.ToInfotext();
        line["model"] = pipeline.Folder.Name;
        line["device"] = pipeline.Device;
        line["sha256"] = Convert.ToHexStringLower(SHA256.HashData(file));
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
