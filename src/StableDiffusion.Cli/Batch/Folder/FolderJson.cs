using System.Text.Json;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>Objects in the notes and manifests of a batch's folder, which somebody else may have written.</summary>
internal static class FolderJson
{
    private static readonly JsonDocumentOptions _strict = new() { AllowDuplicateProperties = false };

    /// <summary>The object that a line is; null where it is none, has a name twice, or holds half of a character (a lone surrogate).</summary>
    public static JsonObject? Parse(string line)
    {
        try
        {
            var entry = JsonNode.Parse(line, nodeOptions: null, _strict) as JsonObject;
            Read(entry);
            return entry;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or ArgumentException)
        {
            return null;
        }
    }

    public static string? Text(JsonObject entry, string name) => entry[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    /// <summary>Reads all names and texts: they are decoded, and refused, only then.</summary>
    private static void Read(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject entry:
                entry.ToList().ForEach(member => Read(member.Value));
                break;
            case JsonArray list:
                list.ToList().ForEach(Read);
                break;
            case JsonValue value:
                value.TryGetValue<string>(out _);
                break;
        }
    }
}
