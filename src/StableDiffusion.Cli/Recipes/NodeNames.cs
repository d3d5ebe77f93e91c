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

    /// <summary>Sets the scheduler.</summary>
    public static void Set(Recipe recipe, string sampler)
    {
        if (_samplers.TryGetValue(sampler, out var name))
        {
            recipe.Set("scheduler", name);
        }
        else
        {
            recipe.Note($"the sampler {sampler} is not known here; choose one with --scheduler.", "scheduler");
        }
    }
}
