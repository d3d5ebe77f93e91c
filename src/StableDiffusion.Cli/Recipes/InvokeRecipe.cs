using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>The recipe in InvokeAI's metadata (version 3 and later).</summary>
internal static class InvokeRecipe
{
    private static readonly HashSet<string> _understood =
    [
        "generation_mode", "positive_prompt", "negative_prompt", "width", "height", "seed", "steps", "cfg_scale", "cfg_rescale_multiplier", "scheduler", "clip_skip", "model", "loras",
        "rand_device", "app_version", "strength", "positive_style_prompt", "negative_style_prompt",
    ];

    /// <summary>Null where it is no such object.</summary>
    public static Recipe? Parse(string text)
    {
        if (StrictJson.TryParseObject(text) is not { } json || json["positive_prompt"] is null)
        {
            return null;
        }

        var recipe = new Recipe("InvokeAI") { Model = json["model"] is JsonObject model ? Text(model["name"]) ?? Text(model["model_name"]) : null };
        var loras = (json["loras"] as JsonArray ?? []).OfType<JsonObject>().Select(Tag).OfType<string>();
        recipe.Set("prompt", string.Join(' ', [CompelPrompt.Translate(Text(json["positive_prompt"]) ?? "", recipe), .. loras]));
        foreach (var (from, to) in (IEnumerable<(string, string)>)[("negative_prompt", "negative_prompt"), ("positive_style_prompt", "prompt_2"), ("negative_style_prompt", "negative_prompt_2")])
        {
            recipe.Set(to, Text(json[from]) is { Length: > 0 } words ? CompelPrompt.Translate(words, recipe) : null);
        }

        foreach (var (from, to) in (IEnumerable<(string, string)>)[
            ("width", "width"), ("height", "height"), ("seed", "seed"), ("steps", "steps"), ("cfg_scale", "cfg_scale"), ("cfg_rescale_multiplier", "guidance_rescale")])
        {
            recipe.Set(to, Text(json[from]) is { Length: > 0 } value ? value : null);
            if (json[from] is JsonArray or JsonObject)
            {
                recipe.Note($"{from} is not followed.", to);
            }
        }

        if (Text(json["clip_skip"]) is { } skip && int.TryParse(skip, NumberStyles.None, CultureInfo.InvariantCulture, out var layers))
        {
            // InvokeAI counts layers that are left out.
            recipe.Set("clip_skip", (layers + 1L).ToString(CultureInfo.InvariantCulture));
        }

        if (Text(json["scheduler"]) is { } scheduler)
        {
            var isKarras = scheduler.EndsWith("_k", StringComparison.Ordinal);
            NodeNames.Set(recipe, isKarras ? scheduler[..^2] : scheduler, isKarras ? "karras" : "", fromTop: false);
        }

        if (Text(json["strength"]) is { } strength)
        {
            recipe.NoteStrength(strength);
        }

        if (Text(json["rand_device"]) is { } device && device != "cpu")
        {
            recipe.Note($"the noise came from {device}; the CPU's is taken, and the picture will be another.");
        }

        foreach (var (field, _) in json.Where(field => !_understood.Contains(field.Key) && field.Value is not null))
        {
            recipe.Note($"{field} is not followed.");
        }

        return recipe;
    }

    private static string? Tag(JsonObject lora)
    {
        var model = lora["model"] as JsonObject ?? lora["lora"] as JsonObject;
        return (Text(model?["name"]) ?? Text(model?["model_name"])) is { } name ? $"<lora:{name}:{Text(lora["weight"]) ?? "1"}>" : null;
    }

    private static string? Text(JsonNode? node) => node is JsonValue value ? value.GetValueKind() == JsonValueKind.String ? (string?)value : value.ToJsonString() : null;
}
