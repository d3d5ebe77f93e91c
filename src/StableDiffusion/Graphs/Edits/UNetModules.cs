namespace StableDiffusion;

/// <summary>The weighted modules of a UNet2DConditionModel in the order in which diffusers' forward calls them (unets/unet_2d_condition.py).</summary>
internal static class UNetModules
{
    public static List<(string Path, long[] Shape)> List(UNetShape unet)
    {
        var list = new ModuleList(unet);
        list.Embeddings();
        var width = unet.Widths[0];
        for (var block = 0; block < unet.Widths.Count; block++)
        {
            list.Down(block, width);
            width = unet.Widths[block];
        }

        list.Middle();
        for (var block = 0; block < unet.Widths.Count; block++)
        {
            width = list.Up(block, width);
        }

        list.Add("conv_out", unet.Outputs, unet.Widths[0], 3, 3);
        return list.Modules;
    }

    private sealed class ModuleList(UNetShape unet)
    {
        private readonly int _timeWidth = unet.Widths[0] * 4;

        public List<(string Path, long[] Shape)> Modules { get; } = [];

        public void Add(string path, params long[] shape) => Modules.Add((path, shape));

        public void Embeddings()
        {
            if (unet.GuidanceWidth is { } guidance)
            {
                Add("time_embedding.cond_proj", unet.Widths[0], guidance);
            }

            Add("time_embedding.linear_1", _timeWidth, unet.Widths[0]);
            Add("time_embedding.linear_2", _timeWidth, _timeWidth);
            if (unet.AddedWidth is { } added)
            {
                Add("add_embedding.linear_1", _timeWidth, added);
                Add("add_embedding.linear_2", _timeWidth, _timeWidth);
            }

            Add("conv_in", unet.Widths[0], unet.Inputs, 3, 3);
        }

        public void Down(int block, int inputs)
        {
            var width = unet.Widths[block];
            for (var layer = 0; layer < unet.Layers; layer++)
            {
                Resnet($"down_blocks.{block}.resnets.{layer}", layer == 0 ? inputs : width, width);
                if (unet.DownHasAttention[block])
                {
                    Attention($"down_blocks.{block}.attentions.{layer}", block);
                }
            }

            if (block < unet.Widths.Count - 1)
            {
                Add($"down_blocks.{block}.downsamplers.0.conv", width, width, 3, 3);
            }
        }

        public void Middle()
        {
            var last = unet.Widths.Count - 1;
            Resnet("mid_block.resnets.0", unet.Widths[last], unet.Widths[last]);
            Attention("mid_block.attentions.0", last);
            Resnet("mid_block.resnets.1", unet.Widths[last], unet.Widths[last]);
        }

        /// <summary>Adds an up block whose input has <paramref name="previous"/> channels, and returns how many it gives.</summary>
        public int Up(int block, int previous)
        {
            var level = unet.Widths.Count - 1 - block;
            var width = unet.Widths[level];
            for (var layer = 0; layer <= unet.Layers; layer++)
            {
                var skip = layer == unet.Layers ? unet.Widths[Math.Max(level - 1, 0)] : width;
                Resnet($"up_blocks.{block}.resnets.{layer}", (layer == 0 ? previous : width) + skip, width);
                if (unet.UpHasAttention[block])
                {
                    Attention($"up_blocks.{block}.attentions.{layer}", level);
                }
            }

            if (level > 0)
            {
                Add($"up_blocks.{block}.upsamplers.0.conv", width, width, 3, 3);
            }

            return width;
        }

        private void Resnet(string path, int inputs, int outputs)
        {
            Add(path + ".conv1", outputs, inputs, 3, 3);
            Add(path + ".time_emb_proj", outputs, _timeWidth);
            Add(path + ".conv2", outputs, outputs, 3, 3);
            if (inputs != outputs)
            {
                Add(path + ".conv_shortcut", outputs, inputs, 1, 1);
            }
        }

        private void Attention(string path, int level)
        {
            var width = unet.Widths[level];
            long[] projection = unet.LinearProjection ? [width, width] : [width, width, 1, 1];
            Add(path + ".proj_in", projection);
            for (var depth = 0; depth < unet.Depths[level]; depth++)
            {
                var block = $"{path}.transformer_blocks.{depth}";
                foreach (var (attention, source) in (IEnumerable<(string, int)>)[("attn1", width), ("attn2", unet.TextWidths[level])])
                {
                    Add($"{block}.{attention}.to_q", width, width);
                    Add($"{block}.{attention}.to_k", width, source);
                    Add($"{block}.{attention}.to_v", width, source);
                    Add($"{block}.{attention}.to_out.0", width, width);
                }

                Add(block + ".ff.net.0.proj", 8 * width, width);
                Add(block + ".ff.net.2", width, 4 * width);
            }

            Add(path + ".proj_out", projection);
        }
    }
}
