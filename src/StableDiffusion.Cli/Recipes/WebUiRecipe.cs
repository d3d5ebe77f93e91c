using System.Globalization;

namespace StableDiffusion.Cli;

/// <summary>The recipe in the text of AUTOMATIC1111's webui, which this program and many others write.</summary>
internal static class WebUiRecipe
{
    /// <summary>Fields that say nothing of how the picture is painted, or that other fields say better.</summary>
    private static readonly HashSet<string> _silent =
    [
        "Version", "User", "Model", "Model variant", "Model hash", "VAE", "VAE hash", "Lora hashes", "App", "Operations", "Pipeline", "Hires resize", "Batch pos", "Postprocess upscaler", "Hires steps",
        "Hires upscaler", "Variation seed strength", "Hashes", "Discard penultimate sigma", "Downcast alphas_cumprod", "Module 1", "Module 2",
    ];

    public static Recipe Of(GenerationParameters parameters)
    {
        var isOurs = parameters.Version?.StartsWith("StableDiffusion.Cli", StringComparison.Ordinal) == true;
        var recipe = new Recipe(isOurs ? "sd" : "webui");
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
        foreach (var (key, value) in parameters.Extra)
        {
            SetExtra(recipe, parameters, key, value, isOurs);
        }

        SetStrength(recipe, parameters);
        return recipe;
    }

    private static void SetScheduler(Recipe recipe, GenerationParameters parameters, bool isOurs)
    {
        if (parameters.Sampler is not { } sampler)
        {
            return;
        }

        if (!SchedulerTable.TryResolve(sampler, out _))
        {
            recipe.Notes.Add($"the sampler {sampler} is not known here; choose one with --scheduler.");
            return;
        }

        recipe.Set("scheduler", sampler);
        var type = parameters.ScheduleType ?? "Automatic";
        switch (type.ToLowerInvariant())
        {
            case "karras" or "exponential" or "beta":
                recipe.Set("sigmas", type.ToLowerInvariant());
                break;
            case "automatic":
                // The webui's own choice for DPM++ 2M and its kind.
                if (!isOurs && sampler is "DPM++ 2M" or "DPM++ 2M SDE")
                {
                    recipe.Set("sigmas", "karras");
                }

                break;
            case "uniform" or "normal":
                break;
            case "sgm uniform" or "simple":
                recipe.Set("spacing", "trailing");
                recipe.Notes.Add($"the schedule {type} comes close as --spacing trailing.");
                break;
            default:
                recipe.Notes.Add($"the schedule {type} is not known here; the scheduler's own is taken.");
                break;
        }
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
                recipe.Notes.Add(isOurs
                    ? $"the noise came from a generator of its own ({other})."
                    : $"the noise came from a {other}, whose random numbers another generator does not repeat; the CPU's are taken, and the picture will be another.");
                break;
        }
    }

    private static void SetExtra(Recipe recipe, GenerationParameters parameters, string key, string value, bool isOurs)
    {
        string? Other(string name) => parameters.Extra.FirstOrDefault(field => field.Key == name).Value;
        switch (key)
        {
            case "Eta" or "Eta DDIM":
                recipe.Set("eta", value);
                break;
            case "Variation seed":
                recipe.Set("variation_seed", value);
                recipe.Set("variation_strength", Other("Variation seed strength"));
                break;
            case "Tiling":
                recipe.Set("tiling", value);
                break;
            case "Hires upscale":
                recipe.Set("hires_scale", value);
                recipe.Set("hires_steps", Other("Hires steps") is "0" ? null : Other("Hires steps"));
                SetUpscaler(recipe, "hires_upscaler", Other("Hires upscaler"));
                break;
            case "Postprocess upscale by":
                recipe.Set("upscale", value);
                SetUpscaler(recipe, "upscaler", Other("Postprocess upscaler"));
                break;
            case "Guidance rescale":
                recipe.Set("guidance_rescale", value);
                break;
            case "Guidance range" when value.Split('-') is [var start, var end]:
                recipe.Set("guidance_start", start);
                recipe.Set("guidance_end", end);
                break;
            case "Guidance every":
                recipe.Set("guidance_every", value);
                break;
            case "Precision" when isOurs:
                recipe.Notes.Add($"its weights were rounded; --precision {value} paints it so.");
                break;
            case "Deep cache":
                recipe.Set("deep_cache", value);
                break;
            case "Batch size" when isOurs:
                recipe.Set("num_images", value);
                break;
            case "Long prompt":
                recipe.Set("long_prompt", value);
                break;
            case "Original size" or "Crop" or "Target size":
                recipe.Set(key.Replace(' ', '_').ToLowerInvariant(), value);
                break;
            case "Prompt 2":
                recipe.Set("prompt_2", value);
                break;
            case "Negative prompt 2":
                recipe.Set("negative_prompt_2", value);
                break;
            case "TI hashes":
                recipe.Notes.Add($"learnt words were used ({value}); give them with --embedding or --embedding-dir.");
                break;
            case var control when control.StartsWith("ControlNet ", StringComparison.Ordinal):
                recipe.Notes.Add($"a ControlNet was used ({value}); give it and its picture with --control and --control-image.");
                break;
            case var config when isOurs && char.IsLower(config[0]) && config.Contains('_', StringComparison.Ordinal):
                recipe.Fields["scheduler_config"] = [.. recipe.Fields.GetValueOrDefault("scheduler_config") ?? [], $"{key}={value}"];
                break;
            case var silent when _silent.Contains(silent):
                break;
            default:
                recipe.Notes.Add($"{key}: {value} is not followed.");
                break;
        }
    }

    private static void SetUpscaler(Recipe recipe, string field, string? name)
    {
        if (name is null || name.ToLowerInvariant() is "latent" or "lanczos")
        {
            recipe.Set(field, name?.ToLowerInvariant());
            return;
        }

        recipe.Notes.Add($"the upscaler was {name}; give its file with --{field.Replace('_', '-')}.");
    }

    private static void SetStrength(Recipe recipe, GenerationParameters parameters)
    {
        if (parameters.DenoisingStrength is not { } strength)
        {
            return;
        }

        if (recipe.Fields.ContainsKey("hires_scale"))
        {
            recipe.Set("hires_strength", Text<double>(strength));
        }
        else
        {
            recipe.Notes.Add($"it was painted from a picture at the strength {Text<double>(strength)}; give both with --init-image and --strength.");
        }
    }

    private static string? Text<T>(T? value)
        where T : struct, IFormattable => value?.ToString(null, CultureInfo.InvariantCulture);
}
