using System.Globalization;

namespace StableDiffusion.Cli;

/// <summary>The recipe in the text of AUTOMATIC1111's webui, which this program and many others write.</summary>
internal static class WebUiRecipe
{
    /// <summary>Fields that say nothing of how the picture is painted, or that other fields say better.</summary>
    private static readonly HashSet<string> _silent =
    [
        "Version", "User", "Model hash", "VAE hash", "Lora hashes", "App", "Operations", "Pipeline", "Hires steps", "Hires upscaler", "Hashes",
    ];

    /// <summary>Fields whose value is that of an option.</summary>
    private static readonly Dictionary<string, string> _options = new(
        from row in PictureFields.Rows
        where row.Property is not null
        select KeyValuePair.Create(row.Name, OptionNames.Field(row.Property!)))
    {
        ["Eta DDIM"] = "eta",
        [PictureFields.TileSize] = "vae_tile_size",
        [PictureFields.TileOverlap] = "vae_tile_overlap",
    };

    /// <summary>What was given as a file, which the text cannot hold: the options that give it again.</summary>
    private static readonly Dictionary<string, string> _files = new() { [PictureFields.Latents] = "latents", [PictureFields.Mask] = "mask" };

    /// <summary>The sigmas that the schedule "Automatic" stands for by sampler, from the webui 1.9 on (modules/sd_samplers_kdiffusion.py); for all others its plain ones.</summary>
    private static readonly Dictionary<string, string> _automatic = new() { ["DPM2"] = "karras", ["DPM2 a"] = "karras", ["DPM++ 2M"] = "karras", ["DPM++ 2M SDE"] = "exponential" };

    public static Recipe Of(GenerationParameters parameters)
    {
        var isOurs = parameters.Version?.StartsWith("StableDiffusion.Cli", StringComparison.Ordinal) == true;
        var recipe = new Recipe(isOurs ? "sd" : "webui") { Model = parameters.Model, Variant = Extra(parameters, PictureFields.Variant) };
        recipe.Set("prompt", parameters.Prompt);
        recipe.Set("negative_prompt", parameters.NegativePrompt.Length > 0 ? parameters.NegativePrompt : null);
        recipe.Set("steps", Text(parameters.Steps));
        recipe.Set("cfg_scale", Text(parameters.CfgScale));
        recipe.Set("seed", Text(parameters.Seed));
        recipe.Set("width", Text(parameters.Width));
        recipe.Set("height", Text(parameters.Height));
        recipe.Set("clip_skip", Text(parameters.ClipSkip));
        SetScheduler(recipe, parameters, isOurs);
        SetGenerator(recipe, parameters, isOurs);
        foreach (var (key, value) in parameters.Extra.Where(field => !IsOfEnlargement(field)))
        {
            SetExtra(recipe, parameters, key, value, isOurs);
        }

        AddEnlargement(recipe, [.. parameters.Extra.Where(IsOfEnlargement)]);
        SetStrength(recipe, parameters);
        return recipe;
    }

    /// <summary>Sets what was done to the finished picture; of several enlargements, which one run cannot do, the first.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="fields">Such as <c>Postprocess upscale by: 2, Postprocess upscaler: Lanczos</c>.</param>
    public static void AddEnlargement(Recipe recipe, IReadOnlyList<KeyValuePair<string, string>> fields)
    {
        var isFurther = recipe.Fields.ContainsKey("upscale") || recipe.Fields.ContainsKey("upscaler") || recipe.Notes.Any(note => note.Advises("upscaler"));
        var seen = new HashSet<string>();
        foreach (var (key, value) in fields)
        {
            isFurther |= (key == PictureFields.Upscale && seen.Count > 0) || !seen.Add(key);
            switch (key)
            {
                case PictureFields.Upscale when !isFurther:
                    recipe.Set("upscale", value);
                    break;
                case PictureFields.Upscaler when !isFurther:
                    SetUpscaler(recipe, "upscaler", value);
                    break;
                default:
                    recipe.Note($"{(isFurther ? "a further " : "")}{key}: {value} is not followed.");
                    break;
            }
        }
    }

    private static bool IsOfEnlargement(KeyValuePair<string, string> field) => field.Key is PictureFields.Upscale or PictureFields.Upscaler;

    private static string? Extra(GenerationParameters parameters, string name) => parameters.Extra.FirstOrDefault(field => field.Key == name).Value;

    private static void SetScheduler(Recipe recipe, GenerationParameters parameters, bool isOurs)
    {
        if (parameters.Sampler is not { } sampler)
        {
            return;
        }

        if (!SchedulerTable.TryResolve(sampler, out var choice))
        {
            recipe.Note($"the sampler {sampler} is not known here; choose one with --scheduler.", "scheduler");
            return;
        }

        recipe.Set("scheduler", sampler);
        var type = parameters.ScheduleType ?? "uniform"; // older webuis, which had no such field, put the schedule at the end of the sampler's name
        if (type.Equals("automatic", StringComparison.OrdinalIgnoreCase))
        {
            type = isOurs ? "" : _automatic.GetValueOrDefault(sampler, "uniform");
        }

        recipe.SetSchedule(type, choice, fromTop: !isOurs && choice.Entry.Name is not ("ddim" or "pndm"));
    }

    private static void SetGenerator(Recipe recipe, GenerationParameters parameters, bool isOurs)
    {
        switch (parameters.Rng ?? "GPU")
        {
            case "CPU":
                break;
            case "NV":
                recipe.Set("rng", "nvidia");
                break;
            case var other:
                recipe.Note(isOurs
                    ? $"the noise came from a generator of its own ({other})."
                    : $"the noise came from a {other}, whose random numbers another generator does not repeat; the CPU's are taken, and the picture will be another.");
                break;
        }
    }

    private static void SetExtra(Recipe recipe, GenerationParameters parameters, string key, string value, bool isOurs)
    {
        switch (key)
        {
            case "Eta" or "Eta DDIM" when !(SchedulerTable.TryResolve(parameters.Sampler ?? "", out var choice) && choice.Entry.HasEta):
                // The webui's ancestral samplers take one, with which they add less noise.
                recipe.Note($"{key}: {value} is not followed, as its sampler takes no eta here.", "eta");
                break;
            case var option when _options.TryGetValue(option, out var field):
                // The first of two fields of one name counts, as for those that every text has.
                recipe.Fields.TryAdd(field, [value]);
                break;
            case "Hires upscale":
                SetHires(recipe, parameters, value);
                break;
            case "Hires resize" when ScaleTo(parameters, value) is { } scale:
                SetHires(recipe, parameters, Text<double>(scale)!);
                break;
            case "Hires resize":
                recipe.Note($"it was painted over again at {value}, to which no scale leads; --hires-scale comes near it.", "hires_scale");
                break;
            case PictureFields.GuidanceRange when value.Split('-') is [var start, var end]:
                recipe.Set("guidance_start", start);
                recipe.Set("guidance_end", end);
                break;
            case PictureFields.EmptyNegativePrompt:
                recipe.Set("negative_prompt", "");
                break;
            case PictureFields.Precision when isOurs:
                recipe.Note($"its weights were rounded; --precision {value} paints it so.", "precision");
                break;
            case PictureFields.Variant:
                break;
            case PictureFields.ResizeMode when isOurs:
                recipe.OfPicture["resize_mode"] = [value.ToLowerInvariant()];
                break;
            case PictureFields.BatchSize when isOurs:
                recipe.Set("num_images", value);
                break;
            case PictureFields.BatchPosition:
                recipe.Set(FieldTable.Picture, isOurs ? value : null); // the webui's pictures of a batch have each a seed of their own
                break;
            case "TI hashes":
                recipe.NoteLearnt(value);
                break;
            case var control when control.StartsWith("ControlNet ", StringComparison.Ordinal):
                NoteControl(recipe, value);
                break;
            case var file when isOurs && _files.TryGetValue(file, out var field):
                recipe.Note($"{file}: {value} is not followed; give it with --{field.Replace('_', '-')}.", field);
                break;
            case var config when isOurs && (char.IsLower(config[0]) || config[0] == '_'):
                SetEntry(recipe, $"{config}={value}");
                break;
            case var silent when _silent.Contains(silent):
                break;
            default:
                recipe.Note($"{key}: {value} is not followed.");
                break;
        }
    }

    /// <summary>A control network and its picture, which are not in the file, and how it saw them.</summary>
    private static void NoteControl(Recipe recipe, string value)
    {
        var said = InfotextField.ParseLine(value);
        bool Says(string name, string text) => said.Any(field => field.Key == name && field.Value == text);
        List<string> advised =
        [
            "control", "control_image", .. Says("Module", "canny") ? (string[])["control_preprocessor"] : [], .. Says("Control Mode", "ControlNet is more important") ? (string[])["guess_mode"] : [],
        ];
        recipe.Note($"a ControlNet was used ({value}); give it and its picture with {string.Join(", ", advised.Select(field => "--" + field.Replace('_', '-')))}.", advised);
    }

    /// <summary>An entry of the scheduler's configuration, by its option where it has one.</summary>
    private static void SetEntry(Recipe recipe, string entry)
    {
        if (SchedulerFields.FieldOf(entry) is var (field, value))
        {
            recipe.Set(field, value);
            return;
        }

        recipe.Fields[FieldTable.SchedulerConfig] = [.. recipe.Fields.GetValueOrDefault(FieldTable.SchedulerConfig) ?? [], entry];
    }

    private static void SetHires(Recipe recipe, GenerationParameters parameters, string scale)
    {
        recipe.Set("hires_scale", scale);
        recipe.Set("hires_steps", Extra(parameters, "Hires steps") is "0" ? null : Extra(parameters, "Hires steps"));
        SetUpscaler(recipe, "hires_upscaler", Extra(parameters, "Hires upscaler"));
    }

    /// <summary>The scale that leads from the picture's size to another; a side of 0 follows the other. Null where the shapes differ, for then the webui cuts.</summary>
    private static double? ScaleTo(GenerationParameters parameters, string size)
    {
        if (parameters is not { Width: > 0 and var width, Height: > 0 and var height } || size.Split('x') is not [var wide, var high]
            || !int.TryParse(wide, NumberStyles.None, CultureInfo.InvariantCulture, out var toWidth) || !int.TryParse(high, NumberStyles.None, CultureInfo.InvariantCulture, out var toHeight))
        {
            return null;
        }

        var (from, to) = toWidth > 0 ? (width, toWidth) : (height, toHeight);
        var scale = (double)to / from;
        scale = (int)(from * scale) < to ? Math.BitIncrement(scale) : scale; // a size is cut, not rounded
        return scale > 1 && (toWidth == 0 || (int)(width * scale) == toWidth) && (toHeight == 0 || (int)(height * scale) == toHeight) ? scale : null;
    }

    private static void SetUpscaler(Recipe recipe, string field, string? name)
    {
        if (name is null || name.ToLowerInvariant() is Enlarger.Latent or Enlarger.Lanczos || (name == Enlarger.OfModel && recipe.Program == "sd"))
        {
            recipe.Set(field, name?.ToLowerInvariant());
            return;
        }

        recipe.Note($"the upscaler was {name}; give its file with --{field.Replace('_', '-')}.", field);
    }

    private static void SetStrength(Recipe recipe, GenerationParameters parameters)
    {
        if (parameters.DenoisingStrength is not { } strength)
        {
            return;
        }

        if (recipe.Fields.ContainsKey("hires_scale") || Extra(parameters, "Hires resize") is not null)
        {
            recipe.Set("hires_strength", recipe.Fields.ContainsKey("hires_scale") ? Text<double>(strength) : null);
        }
        else
        {
            recipe.NoteStrength(Text<double>(strength)!);
        }
    }

    private static string? Text<T>(T? value)
        where T : struct, IFormattable => value?.ToString(null, CultureInfo.InvariantCulture);
}
