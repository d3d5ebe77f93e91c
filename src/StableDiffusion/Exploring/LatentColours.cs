namespace StableDiffusion;

/// <summary>
/// What latents look like without asking the decoder: each place's channels, weighted, are a colour. The weights are fitted by least squares
/// to what a decoder made of latents, and get better with each picture that is added.
/// </summary>
internal sealed class LatentColours
{
    private const double Ridge = 1e-3; // keeps channels apart that the samples do not tell apart

    private readonly int _inputs;
    private readonly double[,] _products; // [inputs, inputs] of channels and a one
    private readonly double[,] _targets; // [inputs, 3]
    private double[,]? _weights;

    /// <param name="channels">Channels of the latents.</param>
    public LatentColours(int channels)
    {
        _inputs = channels + 1;
        _products = new double[_inputs, _inputs];
        _targets = new double[_inputs, 3];
    }

    /// <summary>Smooth latents of about unit deviation, with all colours in them, for a first fit.</summary>
    public static Latents Sample(int channels, int height, int width)
    {
        // Patches of 8, 4, 2 and 1: what a decoder was trained on changes slowly and seldom.
        (int Size, float Deviation)[] scales = [(8, 0.8f), (4, 0.4f), (2, 0.3f), (1, 0.15f)];
        var noise = new TorchRandom(0);
        var values = new float[channels * height * width];
        foreach (var (size, deviation) in scales)
        {
            var (rows, columns) = ((height + size - 1) / size, (width + size - 1) / size);
            var patches = new float[channels * rows * columns];
            noise.Draw(patches);
            for (var i = 0; i < values.Length; i++)
            {
                var (channel, y, x) = (i / (height * width), i / width % height, i % width);
                values[i] += deviation * patches[(((channel * rows) + (y / size)) * columns) + (x / size)];
            }
        }

        return new Latents(values, 1, channels, height, width);
    }

    /// <summary>Learns from one image's latents and what a decoder made of them.</summary>
    public void Add(Latents latents, RgbImage picture)
    {
        var colours = ImageResizer.Resize(picture, latents.Width, latents.Height, ResizeFilter.Bilinear).Pixels.Span;
        var plane = latents.Height * latents.Width;
        var place = new double[_inputs];
        place[^1] = 1;
        for (var i = 0; i < plane; i++)
        {
            for (var channel = 0; channel < _inputs - 1; channel++)
            {
                place[channel] = latents.Values[(channel * plane) + i];
            }

            for (var row = 0; row < _inputs; row++)
            {
                for (var column = 0; column < _inputs; column++)
                {
                    _products[row, column] += place[row] * place[column] / plane;
                }

                for (var colour = 0; colour < 3; colour++)
                {
                    _targets[row, colour] += place[row] * colours[(3 * i) + colour] / plane;
                }
            }
        }

        _weights = null;
    }

    /// <summary>The first image of latents [images, channels, height, width] as a picture of width x height.</summary>
    public RgbImage Draw(Latents latents)
    {
        var weights = _weights ??= Solve();
        var plane = latents.Height * latents.Width;
        var pixels = new byte[3 * plane];
        for (var i = 0; i < plane; i++)
        {
            for (var colour = 0; colour < 3; colour++)
            {
                var sum = weights[_inputs - 1, colour];
                for (var channel = 0; channel < _inputs - 1; channel++)
                {
                    sum += weights[channel, colour] * latents.Values[(channel * plane) + i];
                }

                pixels[(3 * i) + colour] = (byte)Math.Clamp(Math.Round(sum), 0, 255);
            }
        }

        return RgbImage.Adopt(latents.Width, latents.Height, pixels);
    }

    /// <summary>The normal equations, by Gauss and Jordan; the ridge makes every pivot positive.</summary>
    private double[,] Solve()
    {
        var left = (double[,])_products.Clone();
        var right = (double[,])_targets.Clone();
        for (var i = 0; i < _inputs - 1; i++)
        {
            left[i, i] += Ridge;
        }

        for (var pivot = 0; pivot < _inputs; pivot++)
        {
            for (var row = 0; row < _inputs; row++)
            {
                if (row == pivot)
                {
                    continue;
                }

                var factor = left[row, pivot] / left[pivot, pivot];
                for (var column = pivot; column < _inputs; column++)
                {
                    left[row, column] -= factor * left[pivot, column];
                }

                for (var colour = 0; colour < 3; colour++)
                {
                    right[row, colour] -= factor * right[pivot, colour];
                }
            }
        }

        for (var row = 0; row < _inputs; row++)
        {
            for (var colour = 0; colour < 3; colour++)
            {
                right[row, colour] /= left[row, row];
            }
        }

        return right;
    }
}
