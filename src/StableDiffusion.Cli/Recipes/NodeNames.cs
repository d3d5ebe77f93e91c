namespace StableDiffusion.Cli;

/// <summary>Samplers and schedules by the names of ComfyUI and InvokeAI.</summary>
internal static class NodeNames
{
    private static readonly Dictionary<string, string> _samplers = new(StringComparer.Ordinal)
    {
        ["euler"] = "euler",
        ["euler_ancestral"] = "euler_a",
        ["euler_a"] = "euler_a",
        ["heun"] = "heun",
        ["dpm_2"] = "dpm2",
        ["kdpm_2"] = "dpm2",
        ["dpm_2_ancestral"] = "dpm2_a",
        ["kdpm_2_a"] = "dpm2_a",
        ["lms"] = "lms",
        ["dpmpp_2m"] = "dpmpp_2m",
        ["dpmpp_2m_sde"] = "dpmpp_2m_sde",
        ["dpmpp_2m_sde_gpu"] = "dpmpp_2m_sde",
        ["dpmpp_2s"] = "dpmpp_2s",
        ["ddim"] = "ddim",
        ["ddpm"] = "ddpm",
        ["pndm"] = "pndm",
        ["uni_pc"] = "unipc",
        ["uni_pc_bh2"] = "unipc",
        ["unipc"] = "unipc",
        ["deis"] = "deis",
        ["ipndm"] = "ipndm",
        ["lcm"] = "lcm",
        ["tcd"] = "tcd",
    };

    /// <summary>Sets scheduler and schedule.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="sampler">The sampler; empty where it is not said.</param>
    /// <param name="schedule">The schedule; empty for the sampler's own.</param>
    /// <param name="fromTop">See <see cref="Recipe.SetSchedule"/>.</param>
    public static void Set(Recipe recipe, string sampler, string schedule, bool fromTop)
    {
        if (_samplers.TryGetValue(sampler, out var name))
        {
            recipe.Set("scheduler", name);
        }
        else
        {
            recipe.Note(sampler.Length == 0 ? "no sampler is found; choose one with --scheduler." : $"the sampler {OneLine.Of(sampler)} is not known here; choose one with --scheduler.", "scheduler");
        }

        if (sampler.EndsWith("_gpu", StringComparison.Ordinal))
        {
            recipe.Note($"the noise between steps of {sampler} came from a GPU; the CPU's is taken, and the picture will be another.");
        }

        recipe.SetSchedule(schedule, name is not null && SchedulerTable.TryResolve(name, out var choice) ? choice : null, fromTop);
    }
}
