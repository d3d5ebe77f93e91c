namespace StableDiffusion;

/// <summary>The shapes of what control networks add to a UNet: one for each skip connection, and one for the middle block.</summary>
internal static class ResidualShapes
{
    /// <summary>Shapes of one row [channels, height, width], skip connections in the order in which they are made, the middle last.</summary>
    public static IReadOnlyList<int[]> Of(UNetShape unet, int height, int width)
    {
        var shapes = new List<int[]> { new[] { unet.Widths[0], height, width } };
        for (var block = 0; block < unet.Widths.Count; block++)
        {
            for (var layer = 0; layer < unet.Layers; layer++)
            {
                shapes.Add([unet.Widths[block], height, width]);
            }

            if (block < unet.Widths.Count - 1)
            {
                (height, width) = ((height + 1) / 2, (width + 1) / 2);
                shapes.Add([unet.Widths[block], height, width]);
            }
        }

        return [.. shapes, [unet.Widths[^1], height, width]];
    }
}
