namespace StableDiffusion;

/// <summary>What unet/config.json says of the shape of a diffusers UNet2DConditionModel.</summary>
/// <param name="Widths"><c>block_out_channels</c>.</param>
/// <param name="Layers"><c>layers_per_block</c>.</param>
/// <param name="DownHasAttention">Whether each down block has cross-attention.</param>
/// <param name="UpHasAttention">Whether each up block has it.</param>
/// <param name="Depths"><c>transformer_layers_per_block</c>, by down block.</param>
/// <param name="TextWidths"><c>cross_attention_dim</c>, by down block.</param>
/// <param name="LinearProjection"><c>use_linear_projection</c>.</param>
/// <param name="Inputs"><c>in_channels</c>.</param>
/// <param name="Outputs"><c>out_channels</c>.</param>
/// <param name="GuidanceWidth"><c>time_cond_proj_dim</c>.</param>
/// <param name="AddedWidth"><c>projection_class_embeddings_input_dim</c> where texts and sizes are added (SDXL).</param>
internal sealed record UNetShape(
    IReadOnlyList<int> Widths,
    int Layers,
    IReadOnlyList<bool> DownHasAttention,
    IReadOnlyList<bool> UpHasAttention,
    IReadOnlyList<int> Depths,
    IReadOnlyList<int> TextWidths,
    bool LinearProjection,
    int Inputs,
    int Outputs,
    int? GuidanceWidth,
    int? AddedWidth)
{
    /// <summary>Reads a config.json; null where it is not of such a UNet.</summary>
    public static UNetShape? Read(JsonFile config)
    {
        var (down, up) = (config.Texts("down_block_types"), config.Texts("up_block_types"));
        var widths = config.Integers("block_out_channels");
        if (widths is null || down.Count != widths.Count || up.Count != widths.Count || config.Integers("layers_per_block") is not { } layers || layers.Distinct().Count() != 1)
        {
            return null;
        }

        IReadOnlyList<int> Each(string key, int standard) => config.Integers(key) switch
        {
            null => [.. widths.Select(_ => standard)],
            [var one] => [.. widths.Select(_ => one)],
            var several => several.Count == widths.Count ? several : [.. widths.Select((_, k) => several[Math.Min(k, several.Count - 1)])],
        };
        static bool HasAttention(string type) => type.StartsWith("CrossAttn", StringComparison.Ordinal);
        return new UNetShape(
            widths,
            layers[0],
            [.. down.Select(HasAttention)],
            [.. up.Select(HasAttention)],
            Each("transformer_layers_per_block", 1),
            Each("cross_attention_dim", 1280),
            config.Flag("use_linear_projection") ?? false,
            config.Integer("in_channels") ?? 4,
            config.Integer("out_channels") ?? 4,
            config.Integer("time_cond_proj_dim"),
            config.Text("addition_embed_type") == "text_time" ? config.Integer("projection_class_embeddings_input_dim") : null);
    }
}
