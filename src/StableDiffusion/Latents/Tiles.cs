namespace StableDiffusion;

/// <summary>
/// Runs a network over overlapping tiles of what it is fed, and blends the results: diffusers' AutoencoderKL.tiled_decode and _tiled_encode
/// (autoencoders/autoencoder_kl.py). Two rows of tiles are in memory at a time.
/// </summary>
/// <param name="size">Side of a tile as it is fed.</param>
/// <param name="step">From one tile to the next.</param>
/// <param name="multiply">Values of the result for each value along one side: 8 for a decoder.</param>
/// <param name="divide">Values along one side for each of the result: 8 for an encoder.</param>
internal sealed class Tiles(int size, int step, int multiply, int divide)
{
    /// <summary>Values with their size [channels, height, width].</summary>
    internal sealed record Plane(float[] Values, int Channels, int Height, int Width);

    private int Step => Math.Max(Whole(step), 1);

    private int Blend => Whole(size) - Step;

    /// <summary>Runs the network tile by tile.</summary>
    public Plane Run(Plane whole, Func<Plane, Plane> network)
    {
        Plane? result = null;
        List<Plane> above = [];
        for (var (y, row) = (0, 0); y < whole.Height; y += step, row++)
        {
            var tiles = new List<Plane>();
            for (var (x, column) = (0, 0); x < whole.Width; x += step, column++)
            {
                var tile = network(Cut(whole, y, x));
                result ??= new Plane(new float[tile.Channels * Whole(whole.Height) * Whole(whole.Width)], tile.Channels, Whole(whole.Height), Whole(whole.Width));
                if (row > 0)
                {
                    BlendDown(above[column], tile);
                }

                if (column > 0)
                {
                    BlendRight(tiles[column - 1], tile);
                }

                Place(tile, result, row * Step, column * Step);
                tiles.Add(tile);
            }

            above = tiles;
        }

        return result!;
    }

    private int Whole(int fed) => fed * multiply / divide;

    private Plane Cut(Plane whole, int top, int left)
    {
        var (height, width) = (Math.Min(size, whole.Height - top), Math.Min(size, whole.Width - left));
        var values = new float[whole.Channels * height * width];
        for (var row = 0; row < whole.Channels * height; row++)
        {
            var (channel, y) = (row / height, row % height);
            whole.Values.AsSpan((((channel * whole.Height) + top + y) * whole.Width) + left, width).CopyTo(values.AsSpan(row * width));
        }

        return new Plane(values, whole.Channels, height, width);
    }

    private void BlendDown(Plane above, Plane tile)
    {
        var extent = Math.Min(Math.Min(above.Height, tile.Height), Blend);
        for (var row = 0; row < tile.Channels * extent; row++)
        {
            var (channel, y) = (row / extent, row % extent);
            var share = (float)y / extent;
            var from = above.Values.AsSpan(((channel * above.Height) + above.Height - extent + y) * above.Width, tile.Width);
            var to = tile.Values.AsSpan(((channel * tile.Height) + y) * tile.Width, tile.Width);
            for (var x = 0; x < to.Length; x++)
            {
                to[x] = (from[x] * (1 - share)) + (to[x] * share);
            }
        }
    }

    private void BlendRight(Plane left, Plane tile)
    {
        var extent = Math.Min(Math.Min(left.Width, tile.Width), Blend);
        for (var row = 0; row < tile.Channels * tile.Height; row++)
        {
            var from = left.Values.AsSpan((row * left.Width) + left.Width - extent, extent);
            var to = tile.Values.AsSpan(row * tile.Width, extent);
            for (var x = 0; x < extent; x++)
            {
                var share = (float)x / extent;
                to[x] = (from[x] * (1 - share)) + (to[x] * share);
            }
        }
    }

    private void Place(Plane tile, Plane result, int top, int left)
    {
        var (height, width) = (Math.Min(Math.Min(Step, tile.Height), result.Height - top), Math.Min(Math.Min(Step, tile.Width), result.Width - left));
        for (var row = 0; row < tile.Channels * height; row++)
        {
            var (channel, y) = (row / height, row % height);
            tile.Values.AsSpan(((channel * tile.Height) + y) * tile.Width, width)
                .CopyTo(result.Values.AsSpan((((channel * result.Height) + top + y) * result.Width) + left));
        }
    }
}
