using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>Objects in the notes and manifests of a batch's folder, which somebody else may have written.</summary>
internal static class FolderJson
{
    /// <summary>A member that is a text; null where it is none.</summary>
    public static string? Text(JsonObject entry, string name) => entry[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
