using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>Objects in the notes and manifests of a batch's folder, which somebody else may have written.</summary>
internal static class FolderJson
{
    /// <summary>The object that a line is; null where it is none, has a name twice, or holds half of a character (a lone surrogate).</summary>
    public static JsonObject? Parse(string line) => StrictJson.TryParseObject(line);

    /// <summary>A member that is a text; null where it is none.</summary>
    public static string? Text(JsonObject entry, string name) => entry[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
