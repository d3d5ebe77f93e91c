using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>The recipe in the graph that ComfyUI keeps: walked back from what saves the picture to the sampler, and from there to texts, size and model.</summary>
internal sealed class ComfyRecipe
{
    private const int LongestWay = 100;

    private readonly JsonObject _nodes;
    private readonly Recipe _recipe = new("ComfyUI");

    private ComfyRecipe(JsonObject nodes) => _nodes = nodes;

    /// <summary>Null where the text is no graph with a sampler.</summary>
    public static Recipe? Parse(string text) => StrictJson.TryParseObject(WithoutNaN(text)) is { } nodes ? new ComfyRecipe(nodes).Read() : null;

    private Recipe? Read()
    {
        var samplers = _nodes.Where(node => Type(node.Value).StartsWith("KSampler", StringComparison.Ordinal) && Type(node.Value) is "KSampler" or "KSamplerAdvanced").ToList();
        if (samplers.Count == 0)
        {
            return null;
        }

        if (samplers.Count > 1)
        {
            _recipe.Note($"the graph has {samplers.Count} samplers; the first that paints from empty latents is taken.");
        }

        var sampler = samplers.Select(node => Inputs(node.Value)).FirstOrDefault(inputs => Follow(inputs["latent_image"]) is var (type, _) && type.StartsWith("Empty", StringComparison.Ordinal))
            ?? Inputs(samplers[0].Value);
        foreach (var (from, to) in (IEnumerable<(string, string)>)[("seed", "seed"), ("noise_seed", "seed"), ("steps", "steps"), ("cfg", "cfg_scale")])
        {
            _recipe.Set(to, Value(sampler[from]) ?? _recipe.Fields.GetValueOrDefault(to)?[0]);
        }

        NodeNames.Set(_recipe, Value(sampler["sampler_name"]) ?? "", Value(sampler["scheduler"]) ?? "");
        ReadSize(sampler);
        foreach (var type in _nodes.Select(node => Type(node.Value)).Where(type => type.Contains("Upscale", StringComparison.Ordinal) || type.Contains("ImageScale", StringComparison.Ordinal)))
        {
            _recipe.Note($"the node {type}, which enlarges, is not followed; see --hires-scale and --upscale.", "hires_scale|upscale|upscaler");
        }

        var loras = ReadModel(sampler["model"]);
        _recipe.Set("prompt", string.Join(' ', [Prompt(sampler["positive"]) ?? "", .. loras]).Trim());
        _recipe.Set("negative_prompt", Prompt(sampler["negative"]) is { Length: > 0 } negative ? negative : null);
        return _recipe;
    }

    private void ReadSize(JsonObject sampler)
    {
        if (Value(sampler["denoise"]) is { } denoise && double.TryParse(denoise, CultureInfo.InvariantCulture, out var strength) && strength < 1)
        {
            _recipe.NoteStrength(denoise);
        }

        if (Follow(sampler["latent_image"]) is var (type, inputs) && type.StartsWith("Empty", StringComparison.Ordinal))
        {
            _recipe.Set("width", Value(inputs["width"]));
            _recipe.Set("height", Value(inputs["height"]));
            _recipe.Set("num_images", Value(inputs["batch_size"]) is { } count and not "1" ? count : null);
        }
    }

    /// <summary>The chain of LoRAs up to the checkpoint, as tags.</summary>
    private List<string> ReadModel(JsonNode? link)
    {
        var loras = new List<string>();
        foreach (var (type, inputs) in Way(link, inputs => inputs["model"]))
        {
            switch (type)
            {
                case "LoraLoader" or "LoraLoaderModelOnly":
                    var unet = Value(inputs["strength_model"]) ?? "1";
                    loras.Insert(0, $"<lora:{NameOfFile(inputs["lora_name"])}:{(type == "LoraLoader" ? Value(inputs["strength_clip"]) ?? unet : "0")}:{unet}>");
                    break;
                case "CheckpointLoaderSimple" or "CheckpointLoader" or "UNETLoader":
                    _recipe.Model ??= NameOfFile(inputs["ckpt_name"] ?? inputs["unet_name"]);
                    break;
                default:
                    _recipe.Note($"the node {type} between sampler and model is not followed.");
                    break;
            }
        }

        return loras;
    }

    /// <summary>The name of a file that a node loads, without folder and ending.</summary>
    private string NameOfFile(JsonNode? file) => Path.GetFileNameWithoutExtension((Value(file) ?? "").Replace('\\', '/'));

    /// <summary>The text that leads to the sampler.</summary>
    private string? Prompt(JsonNode? link)
    {
        foreach (var (type, inputs) in Way(link, inputs => inputs["conditioning"] ?? inputs["positive"] ?? inputs["conditioning_1"]))
        {
            switch (type)
            {
                case "ConditioningZeroOut":
                    return "";
                case "CLIPTextEncode" or "CLIPTextEncodeSDXL":
                    ReadLayer(inputs["clip"]);
                    return Value(inputs["text"] ?? inputs["text_l"] ?? inputs["text_g"]);
                default:
                    _recipe.Note($"the node {type} between sampler and text is not followed.");
                    break;
            }
        }

        return null;
    }

    private void ReadLayer(JsonNode? clip)
    {
        foreach (var (type, inputs) in Way(clip, inputs => inputs["clip"]))
        {
            if (type == "CLIPSetLastLayer" && int.TryParse(Value(inputs["stop_at_clip_layer"]), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var layer))
            {
                _recipe.Set("clip_skip", (-(long)layer).ToString(CultureInfo.InvariantCulture));
            }
        }
    }

    /// <summary>The nodes from a link on, each once: a graph whose nodes refer to each other would have no end.</summary>
    private IEnumerable<(string Type, JsonObject Inputs)> Way(JsonNode? link, Func<JsonObject, JsonNode?> next)
    {
        var seen = new HashSet<JsonObject>();
        while (Follow(link) is var (type, inputs) && seen.Add(inputs))
        {
            yield return (type, inputs);
            link = next(inputs);
        }
    }

    /// <summary>A value, or that of the node that gives it: a text, a number, a seed of its own node.</summary>
    private string? Value(JsonNode? node) => Value(node, []);

    /// <param name="node">A value, or a link to the node that gives it.</param>
    /// <param name="seen">The nodes that were asked: each once, or a graph whose nodes refer to each other would have no end of ways.</param>
    private string? Value(JsonNode? node, HashSet<JsonObject> seen)
    {
        if (node is JsonValue value)
        {
            return value.GetValueKind() == JsonValueKind.String ? (string?)value : value.ToJsonString();
        }

        if (Follow(node) is not var (_, inputs) || seen.Count == LongestWay || !seen.Add(inputs))
        {
            return null;
        }

        string[] names = ["value", "text", "string", "seed", "int", "float", "Text", "Value", "noise_seed"];
        return names.Where(inputs.ContainsKey).Select(name => Value(inputs[name], seen)).FirstOrDefault(found => found is not null);
    }

    /// <summary>The node that a link ["id", slot] leads to, through nodes that only hand on.</summary>
    private (string Type, JsonObject Inputs)? Follow(JsonNode? link)
    {
        for (var step = 0; step < LongestWay && link is JsonArray { Count: 2 } pair && pair[0] is JsonValue id && _nodes[id.ToString()] is { } node; step++)
        {
            if (Type(node) != "Reroute")
            {
                return (Type(node), Inputs(node));
            }

            link = Inputs(node).FirstOrDefault().Value;
        }

        return null;
    }

    private static string Type(JsonNode? node) => node is JsonObject fields && fields["class_type"] is JsonValue type && type.GetValueKind() == JsonValueKind.String ? (string)type! : "";

    private static JsonObject Inputs(JsonNode? node) => node is JsonObject fields && fields["inputs"] is JsonObject inputs ? inputs : [];

    /// <summary>ComfyUI writes bare NaN and Infinity, which are no JSON.</summary>
    private static string WithoutNaN(string text)
    {
        var clean = new StringBuilder(text.Length);
        var inString = false;
        for (var i = 0; i < text.Length; i++)
        {
            if (inString && text[i] == '\\' && i + 1 < text.Length)
            {
                clean.Append(text[i++]).Append(text[i]);
                continue;
            }

            inString ^= text[i] == '"';
            if (!inString && Array.Find(["NaN", "-Infinity", "Infinity"], word => string.CompareOrdinal(text, i, word, 0, word.Length) == 0) is { } bare)
            {
                clean.Append("null");
                i += bare.Length - 1;
                continue;
            }

            clean.Append(text[i]);
        }

        return clean.ToString();
    }
}
