namespace StableDiffusion;

/// <summary>
/// One heat map for each token over all layers, heads and calls: Tang et al. (2022), "What the DAAM", arXiv 2210.04885, equation 2. Every map
/// is brought to one size by bicubic interpolation, clamped at 0, and the mean taken; layers of an eighth of the size are left out, as
/// in the authors' code (castorini/daam).
/// </summary>
internal sealed class HeatMaps(int height, int width, int tokens)
{
    private const int CoarsestFactor = 8;
    private const double Cubic = -0.75; // torch's interpolate(mode="bicubic")

    private readonly double[] _sums = new double[tokens * height * width];
    private int _count;

    /// <summary>Adds the layers of one call.</summary>
    public void Add(IReadOnlyList<AttentionLayer> layers)
    {
        foreach (var layer in layers.Where(layer => layer.Height * CoarsestFactor > height || layers.All(one => one.Height * CoarsestFactor <= height)))
        {
            var (rows, columns) = (Weights(layer.Height, height), Weights(layer.Width, width));
            for (var head = 0; head < layer.Heads; head++)
            {
                for (var token = 0; token < Math.Min(tokens, layer.Tokens); token++)
                {
                    AddMap(layer.Map(head, token), layer, rows, columns, token);
                }

                _count++;
            }
        }
    }

    /// <summary>The map of one token [height, width].</summary>
    public float[] Of(int token)
    {
        var map = new float[height * width];
        for (var i = 0; i < map.Length; i++)
        {
            map[i] = (float)(_sums[(token * map.Length) + i] / Math.Max(_count, 1));
        }

        return map;
    }

    /// <summary>The mean of several tokens' maps, for words that are several tokens, as their share of all words' attention.</summary>
    public float[] OfWord(IReadOnlyList<int> wordTokens, IReadOnlyList<int> allTokens)
    {
        var (map, all) = (new float[height * width], new float[height * width]);
        foreach (var token in allTokens)
        {
            var one = Of(token);
            for (var i = 0; i < all.Length; i++)
            {
                all[i] += one[i];
                map[i] += wordTokens.Contains(token) ? one[i] / wordTokens.Count : 0;
            }
        }

        for (var i = 0; i < all.Length; i++)
        {
            map[i] /= all[i] + 1e-6f;
        }

        return map;
    }

    private void AddMap(float[] map, AttentionLayer layer, (int[] From, double[] By)[] rows, (int[] From, double[] By)[] columns, int token)
    {
        var wide = new double[layer.Height * width];
        for (var y = 0; y < layer.Height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                var (from, by) = columns[x];
                double sum = 0;
                for (var k = 0; k < from.Length; k++)
                {
                    sum += by[k] * map[(y * layer.Width) + from[k]];
                }

                wide[(y * width) + x] = sum;
            }
        }

        for (var y = 0; y < height; y++)
        {
            var (from, by) = rows[y];
            for (var x = 0; x < width; x++)
            {
                double sum = 0;
                for (var k = 0; k < from.Length; k++)
                {
                    sum += by[k] * wide[(from[k] * width) + x];
                }

                _sums[(token * height * width) + (y * width) + x] += Math.Max(sum, 0);
            }
        }
    }

    /// <summary>Bicubic weights with half-pixel centres and clamped edges: which four places each new one is made of.</summary>
    private static (int[] From, double[] By)[] Weights(int before, int after)
    {
        var weights = new (int[], double[])[after];
        for (var i = 0; i < after; i++)
        {
            var place = ((i + 0.5) * before / after) - 0.5;
            var first = (int)Math.Floor(place);
            var t = place - first;
            weights[i] = (
                [.. Enumerable.Range(first - 1, 4).Select(k => Math.Clamp(k, 0, before - 1))],
                [Far(t + 1), Near(t), Near(1 - t), Far(2 - t)]);
        }

        return weights;

        static double Near(double x) => ((((Cubic + 2) * x) - (Cubic + 3)) * x * x) + 1;
        static double Far(double x) => (((((Cubic * x) - (5 * Cubic)) * x) + (8 * Cubic)) * x) - (4 * Cubic);
    }
}
