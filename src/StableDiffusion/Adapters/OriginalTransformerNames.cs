using System.Text.RegularExpressions;

namespace StableDiffusion;

/// <summary>
/// The modules of a transformer by the names of its authors' code, in which kohya's sd-scripts and others train: Flux (black-forest-labs/flux, model.py) and
/// Stable Diffusion 3 (Stability-AI/sd3.5, mmditx.py). Where these have one layer, diffusers may have several, one below the other
/// (loaders/lora_conversion_utils.py, scripts/convert_sd3_to_diffusers.py).
/// </summary>
internal static partial class OriginalTransformerNames
{
    private static readonly Dictionary<string, string> _single = new(StringComparer.Ordinal)
    {
        ["img_in"] = "x_embedder",
        ["txt_in"] = "context_embedder",
        ["time_in_in_layer"] = "time_text_embed_timestep_embedder_linear_1",
        ["time_in_out_layer"] = "time_text_embed_timestep_embedder_linear_2",
        ["vector_in_in_layer"] = "time_text_embed_text_embedder_linear_1",
        ["vector_in_out_layer"] = "time_text_embed_text_embedder_linear_2",
        ["guidance_in_in_layer"] = "time_text_embed_guidance_embedder_linear_1",
        ["guidance_in_out_layer"] = "time_text_embed_guidance_embedder_linear_2",
        ["x_embedder_proj"] = "pos_embed_proj",
        ["t_embedder_mlp_0"] = "time_text_embed_timestep_embedder_linear_1",
        ["t_embedder_mlp_2"] = "time_text_embed_timestep_embedder_linear_2",
        ["y_embedder_mlp_0"] = "time_text_embed_text_embedder_linear_1",
        ["y_embedder_mlp_2"] = "time_text_embed_text_embedder_linear_2",
        ["final_layer_linear"] = "proj_out",
    };

    /// <summary>What diffusers calls the rows of a module, from the first on.</summary>
    /// <param name="path">The module's path with underscores for dots.</param>
    /// <returns>Paths with underscores for dots; none for a name that neither model has.</returns>
    /// <remarks>
    /// The modulation of Flux's last layer is not among them, nor is that of SD 3's last context block to be found here: diffusers keeps scale and shift in
    /// the other order there.
    /// </remarks>
    public static IReadOnlyList<string> Targets(string path)
    {
        if (_single.TryGetValue(path, out var single))
        {
            return [single];
        }

        if (Block().Match(path) is not { Success: true } block)
        {
            return [];
        }

        var (number, layer) = (block.Groups["number"].Value, block.Groups["layer"].Value);
        if (block.Groups["kind"].Value == "single_blocks")
        {
            var name = $"single_transformer_blocks_{number}_";
            return layer switch
            {
                "linear1" => [$"{name}attn_to_q", $"{name}attn_to_k", $"{name}attn_to_v", $"{name}proj_mlp"],
                "linear2" => [$"{name}proj_out"],
                "modulation_lin" => [$"{name}norm_linear"],
                _ => [],
            };
        }

        var isText = block.Groups["stream"].Value is "txt" or "context_block";
        var within = $"transformer_blocks_{number}_";
        return layer switch
        {
            "attn_qkv" when isText => [$"{within}attn_add_q_proj", $"{within}attn_add_k_proj", $"{within}attn_add_v_proj"],
            "attn_qkv" or "attn2_qkv" when !isText => [$"{within}{layer[..^4]}_to_q", $"{within}{layer[..^4]}_to_k", $"{within}{layer[..^4]}_to_v"],
            "attn_proj" when isText => [$"{within}attn_to_add_out"],
            "attn_proj" or "attn2_proj" when !isText => [$"{within}{layer[..^5]}_to_out_0"],
            "mlp_0" or "mlp_fc1" => [$"{within}{(isText ? "ff_context" : "ff")}_net_0_proj"],
            "mlp_2" or "mlp_fc2" => [$"{within}{(isText ? "ff_context" : "ff")}_net_2"],
            "mod_lin" or "adaLN_modulation_1" => [$"{within}{(isText ? "norm1_context" : "norm1")}_linear"],
            _ => [],
        };
    }

    [GeneratedRegex(@"^(?<kind>single_blocks|double_blocks|joint_blocks)_(?<number>\d+)_((?<stream>img|txt|x_block|context_block)_)?(?<layer>\w+)\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Block();
}
