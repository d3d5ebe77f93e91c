using System.Text.Json;

namespace StableDiffusion;

/// <summary>What a model is whose folder does not say so, told from what its networks take.</summary>
internal static class ModelGuess
{
    /// <summary>The class of diffusers whose networks take these inputs.</summary>
    public static string PipelineClass(ModelFolder folder)
    {
        var isTransformer = !File.Exists(folder.NetworkOf("unet")) && File.Exists(folder.NetworkOf("transformer"));
        var inputs = InputsOf(folder, folder.NetworkOf(isTransformer ? "transformer" : "unet"));
        bool Has(string input) => inputs.ContainsKey(input);
        return isTransformer
            ? Has("img_ids") ? "FluxPipeline" : Has("class_labels") ? "DiTPipeline" : "StableDiffusion3Pipeline"
            : !Has(Conditioning.Text) ? "LDMPipeline"
            : Has("time_ids") ? "StableDiffusionXLPipeline"
            : Has("timestep_cond") ? "LatentConsistencyModelPipeline"
            : File.Exists(folder.Combine("tokenizer", "vocab.txt")) ? "LDMTextToImagePipeline"
            : "StableDiffusionPipeline";
    }

    /// <summary>A family's usual scheduler.</summary>
    public static SchedulerConfig Scheduler(string json)
    {
        using var document = JsonDocument.Parse(json);
        return SchedulerConfig.Parse(document.RootElement.Clone());
    }

    /// <summary>One line for people: what was missing, what was taken for it, and what cannot be seen.</summary>
    public static string Describe(ModelFolder folder, bool hasIndex, bool hasScheduler)
    {
        string[] missing = hasIndex ? ["scheduler_config.json"] : hasScheduler ? ["model_index.json"] : ["model_index.json", "scheduler_config.json"];
        var width = InputsOf(folder, folder.NetworkOf(folder.Family.NetworkPart)).GetValueOrDefault(Conditioning.Text)?.Shape is [_, _, { } last] ? last : (long?)null;
        var family = (folder.PipelineClass, width) switch
        {
            ("StableDiffusionPipeline", 768) => "Stable Diffusion 1",
            ("StableDiffusionPipeline", 1024) => "Stable Diffusion 2",
            _ => folder.Family.Name,
        };
        var read = width is { } texts && folder.Family.NetworkPart == "unet" ? $" (texts of width {texts})" : "";
        return $"{folder.Name} has no {string.Join(" and no ", missing)}: it is taken for {family}{read}"
            + (hasScheduler ? "." : $" with diffusers' {folder.Scheduler.ClassName}"
                + (folder.Family.NetworkPart == "unet" ? "; whether it predicts noise (epsilon, assumed) or velocity (v_prediction) cannot be seen." : "."));
    }

    private static Dictionary<string, OnnxValue> InputsOf(ModelFolder folder, string network)
    {
        NetworkFile.RequireWhole(network, folder.Graphs);
        return folder.Graphs.Of(network).Inputs.DistinctBy(input => input.Name).ToDictionary(input => input.Name);
    }
}
