using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>The recipe in the graph that ComfyUI keeps (nodes.py, comfy_extras/nodes_custom_sampler.py): from the sampler back to texts, size and model.</summary>
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
        var samplers = _nodes.Where(node => Type(node.Value) is "KSampler" or "KSamplerAdvanced" or "SamplerCustom" or "SamplerCustomAdvanced").Select(node => Inputs(node.Value)).ToList();
        if (samplers.Count == 0)
        {
            return null;
        }

        if (samplers.Count > 1)
        {
            _recipe.Note($"the graph has {samplers.Count} samplers; the first that paints from empty latents is taken.");
        }

        var sampler = WithParts(samplers.Find(inputs => Follow(inputs["latent_image"]) is var (type, _) && type.StartsWith("Empty", StringComparison.Ordinal)) ?? samplers[0]);
        foreach (var (from, to) in (IEnumerable<(string, string)>)[("seed", "seed"), ("noise_seed", "seed"), ("steps", "steps"), ("cfg", "cfg_scale")])
        {
            _recipe.Set(to, Found(sampler, from, to) ?? _recipe.Fields.GetValueOrDefault(to)?[0]);
        }

        NodeNames.Set(_recipe, Found(sampler, "sampler_name", "scheduler") ?? "", Found(sampler, "scheduler", "sigmas|spacing") ?? "", fromTop: true);
        NotePartOfSteps(sampler);
        ReadSize(sampler);
        foreach (var type in _nodes.Select(node => Type(node.Value)).Where(type => type.Contains("Upscale", StringComparison.Ordinal) || type.Contains("ImageScale", StringComparison.Ordinal)))
        {
            _recipe.Note($"the node {type}, which enlarges, is not followed; see --hires-scale and --upscale.", "hires_scale|upscale|upscaler");
        }

        if (_nodes.Any(node => Type(node.Value) == "VAELoader"))
        {
            _recipe.Note("the node VAELoader, which gives another autoencoder than the model's, is not followed.");
        }

        var loras = ReadModel(sampler["model"]);
        ReadText(sampler["positive"], "prompt");
        _recipe.Set("prompt", string.Join(' ', [_recipe.Fields.GetValueOrDefault("prompt")?[0] ?? "", .. loras]).Trim());
        ReadText(sampler["negative"], "negative_prompt");
        return _recipe;
    }

    /// <summary>
    /// A sampler's inputs with those of the nodes that a custom one takes its parts from (comfy_extras/nodes_custom_sampler.py), by the names that KSampler
    /// has for them.
    /// </summary>
    private JsonObject WithParts(JsonObject sampler)
    {
        var inputs = sampler.DeepClone().AsObject();
        foreach (var part in (IEnumerable<string>)["noise", "guider", "sampler", "sigmas"])
        {
            if (Follow(sampler[part]) is not var (type, found))
            {
                continue;
            }

            var schedule = type switch
            {
                "KarrasScheduler" => "karras",
                "ExponentialScheduler" => "exponential",
                "BetaSamplingScheduler" => "beta",
                "SDTurboScheduler" => "simple",
                _ => null,
            };
            if (schedule is not null)
            {
                inputs["scheduler"] = schedule;
            }
            else if (type is not ("RandomNoise" or "BasicGuider" or "CFGGuider" or "KSamplerSelect" or "BasicScheduler"))
            {
                _recipe.Note($"the node {type}, from which the sampler takes its {part}, is not followed.");
                continue;
            }

            foreach (var (name, value) in found)
            {
                inputs[name == "conditioning" ? "positive" : name] = value?.DeepClone();
            }

            if (type == "BasicGuider")
            {
                inputs["cfg"] = 1;
            }
        }

        return inputs;
    }

    /// <summary>KSamplerAdvanced may paint some steps of many, or without noise of its own.</summary>
    private void NotePartOfSteps(JsonObject sampler)
    {
        int? Step(string input) => int.TryParse(Value(sampler[input]), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var step) ? step : null;
        if (Step("steps") is { } steps && (Step("start_at_step") > 0 || Step("end_at_step") < steps))
        {
            _recipe.Note($"its sampler paints steps {Step("start_at_step") ?? 0} to {Math.Min(Step("end_at_step") ?? steps, steps)} of {steps}; all of them are painted here.");
        }

        if (Value(sampler["add_noise"]) is "disable" or "false")
        {
            _recipe.Note("its sampler adds no noise to the latents that it is given; noise of the seed is taken here.", "latents");
        }
    }

    private void ReadSize(JsonObject sampler)
    {
        if (Found(sampler, "denoise", "strength") is { } denoise && double.TryParse(denoise, CultureInfo.InvariantCulture, out var strength) && strength < 1)
        {
            _recipe.NoteStrength(denoise);
        }

        if (Follow(sampler["latent_image"]) is not var (type, inputs))
        {
            return;
        }

        if (type.StartsWith("Empty", StringComparison.Ordinal))
        {
            _recipe.Set("width", Found(inputs, "width", "width"));
            _recipe.Set("height", Found(inputs, "height", "height"));
            _recipe.Set("num_images", Found(inputs, "batch_size", "num_images") is { } count and not "1" ? count : null);
        }
        else
        {
            _recipe.Note($"the node {OneLine.Of(type)}, from which the sampler takes its latents, is not followed; the size is the model's, and what is in them is not painted over.", "init_image|latents|width");
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
                case "CheckpointLoaderSimple" or "CheckpointLoader" or "UNETLoader" or "UnetLoaderGGUF":
                    _recipe.Model ??= NameOfFile(inputs["ckpt_name"] ?? inputs["unet_name"]);
                    break;
                case "ModelSamplingSD3" when Value(inputs["shift"]) is { } shift:
                    _recipe.Fields[FieldTable.SchedulerConfig] = [$"shift={shift}"];
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

    /// <summary>The text that leads to the sampler, and what stands beside it.</summary>
    /// <param name="link">Where the sampler has it from.</param>
    /// <param name="field"><c>prompt</c> or <c>negative_prompt</c>.</param>
    private void ReadText(JsonNode? link, string field)
    {
        foreach (var (type, inputs) in Way(link, inputs => inputs["conditioning"] ?? inputs["positive"] ?? inputs["conditioning_1"]))
        {
            // Which input is read by which of our texts: see ImageRequest.Prompt2 and Prompt3.
            string[]? texts = type switch
            {
                "CLIPTextEncode" or "CLIPTextEncodeSDXLRefiner" => ["text"],
                "CLIPTextEncodeSDXL" => ["text_l", "text_g"],
                "CLIPTextEncodeSD3" => ["clip_l", "clip_g", "t5xxl"],
                "CLIPTextEncodeFlux" => ["clip_l", "t5xxl"],
                _ => null,
            };
            if (texts is not null)
            {
                SetTexts(field, [.. texts.Select(name => Found(inputs, name, field) is { } text ? ComfyPrompt.Translate(text, _recipe) : null)]);
                _recipe.Set("guidance", Value(inputs["guidance"]));
                ReadSizeTold(inputs, field);
                ReadLayer(inputs["clip"]);
                return;
            }

            switch (type)
            {
                case "ConditioningZeroOut":
                    // What an SDXL model makes of a negative prompt that is not given.
                    return;
                case "FluxGuidance":
                    _recipe.Set("guidance", Value(inputs["guidance"]));
                    break;
                default:
                    _recipe.Note($"the node {type} between sampler and text is not followed.");
                    break;
            }
        }
    }

    /// <summary>Sets the texts of one to three encoders, where they are not all the first's.</summary>
    private void SetTexts(string field, string?[] texts)
    {
        // An empty text is one that is read, unlike none: SDXL's zeros stand for none.
        _recipe.Set(field, texts[0] ?? texts.FirstOrDefault(text => text is not null));
        for (var i = 1; i < texts.Length; i++)
        {
            _recipe.Set($"{field}_{i + 1}", texts[i] == texts[0] ? null : texts[i]);
        }
    }

    /// <summary>The sizes that SDXL is told; of a negative prompt's, which may be others, it is noted that they are not.</summary>
    private void ReadSizeTold(JsonObject inputs, string field)
    {
        string? Pair(string first, char mark, string second) => Value(inputs[first]) is { } one && Value(inputs[second]) is { } two ? $"{one}{mark}{two}" : null;
        foreach (var (name, value) in (IEnumerable<(string, string?)>)[
            ("original_size", Pair("width", 'x', "height")), ("crop", Pair("crop_h", ',', "crop_w")), ("target_size", Pair("target_width", 'x', "target_height"))])
        {
            if (field == "prompt")
            {
                _recipe.Set(name, value);
            }
            else if (value is not null && value != _recipe.Fields.GetValueOrDefault(name)?[0])
            {
                _recipe.Note($"the negative prompt's {name.Replace('_', ' ')} {OneLine.Of(value)} is not followed; the prompt's is taken.");
            }
        }

        if (Value(inputs["ascore"]) is { } score)
        {
            _recipe.Note($"the aesthetic score {OneLine.Of(score)} is not followed.");
        }
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

    /// <summary>A value; it is noted where it is not found, or a node that makes it of another stands before it.</summary>
    /// <param name="inputs">The node's inputs.</param>
    /// <param name="name">The input.</param>
    /// <param name="field">The field by which the user can say it.</param>
    private string? Found(JsonObject inputs, string name, string field)
    {
        var value = Value(inputs[name]);
        if (Follow(inputs[name]) is var (type, _) && (value is null || !type.StartsWith("Primitive", StringComparison.Ordinal)))
        {
            _recipe.Note(
                value is null
                    ? $"the node {OneLine.Of(type)}, from which {OneLine.Of(name)} comes, is not followed."
                    : $"{OneLine.Of(name)} comes from the node {OneLine.Of(type)}, whose input is taken as it is.",
                field);
        }

        return value;
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
