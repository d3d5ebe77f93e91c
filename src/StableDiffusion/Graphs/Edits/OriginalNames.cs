using System.Globalization;

namespace StableDiffusion;

/// <summary>Names of a UNet's modules in the original Stable Diffusion code (ldm), which kohya's files for SDXL use: input_blocks.4.1.….</summary>
internal static class OriginalNames
{
    public static string? Of(string path, UNetShape unet)
    {
        var period = unet.Layers + 1;
        return path.Split('.') switch
        {
            ["down_blocks", var block, "downsamplers", "0", "conv"] => $"input_blocks.{(Number(block) + 1) * period}.0.op",
            ["up_blocks", var block, "upsamplers", "0", "conv"] => $"output_blocks.{(Number(block) * period) + unet.Layers}.{(unet.UpHasAttention[Number(block)] ? 2 : 1)}.conv",
            ["down_blocks", var block, var kind, var layer, .. var rest] => $"input_blocks.{1 + (Number(block) * period) + Number(layer)}.{Branch(kind)}.{Inner(rest)}",
            ["up_blocks", var block, var kind, var layer, .. var rest] => $"output_blocks.{(Number(block) * period) + Number(layer)}.{Branch(kind)}.{Inner(rest)}",
            ["mid_block", "attentions", _, .. var rest] => $"middle_block.1.{Inner(rest)}",
            ["mid_block", "resnets", var layer, .. var rest] => $"middle_block.{Number(layer) * 2}.{Inner(rest)}",
            ["conv_in"] => "input_blocks.0.0",
            ["conv_out"] => "out.2",
            ["time_embedding", "linear_1"] => "time_embed.0",
            ["time_embedding", "linear_2"] => "time_embed.2",
            ["add_embedding", "linear_1"] => "label_emb.0.0",
            ["add_embedding", "linear_2"] => "label_emb.0.2",
            _ => null,
        };
    }

    private static int Number(string text) => int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);

    private static int Branch(string kind) => kind == "resnets" ? 0 : 1;

    private static string Inner(string[] rest) => rest switch
    {
        ["conv1"] => "in_layers.2",
        ["conv2"] => "out_layers.3",
        ["time_emb_proj"] => "emb_layers.1",
        ["conv_shortcut"] => "skip_connection",
        _ => string.Join('.', rest),
    };
}
