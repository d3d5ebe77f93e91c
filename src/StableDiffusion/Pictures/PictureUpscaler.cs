namespace StableDiffusion;

/// <summary>
/// An upscaling network (ESRGAN and its like: Wang et al. 2018, arXiv 1809.00219): a picture [1, 3, height, width] from 0 to 1 in, one that is a
/// whole number of times as large out. Large pictures go through in tiles, each with a margin that is cut off, so that seams do not show.
/// </summary>
internal sealed class PictureUpscaler : IDisposable
{
    /// <summary>Pixels along one side of a tile, without its margin.</summary>
    public const int DefaultTile = 192;

    /// <summary>Pixels of margin on each side of a tile: more than most of such networks look around.</summary>
    public const int DefaultMargin = 16;

    /// <summary>What networks want sizes to be multiples of that do not take any size.</summary>
    private const int Grid = 8;

    private readonly OnnxModel _model;
    private readonly string _input;
    private readonly string _output;
    private readonly int? _fixedHeight;
    private readonly int? _fixedWidth;
    private readonly bool _takesAnySize;

    internal PictureUpscaler(OnnxModel model, CancellationToken cancellation = default)
    {
        _model = model;
        (_input, _output) = (model.Inputs.Keys.First(), model.Outputs.Keys.First());
        var dimensions = model.Inputs[_input].Dimensions;
        if (model.Inputs.Count != 1 || dimensions.Length != 4 || dimensions[1] is not (3 or <= 0))
        {
            throw new ModelException($"{model.Path} is no upscaling network: it does not take one picture [1, 3, height, width].");
        }

        (_fixedHeight, _fixedWidth) = (dimensions[2] > 0 ? dimensions[2] : null, dimensions[3] > 0 ? dimensions[3] : null);
        var (height, width) = (_fixedHeight ?? (2 * Grid), _fixedWidth ?? (2 * Grid));
        var (_, resultHeight, resultWidth) = Run(new float[3 * height * width], height, width, cancellation);
        Factor = resultHeight / height;
        if (Factor < 1 || resultHeight != height * Factor || resultWidth != width * Factor)
        {
            throw new ModelException($"{model.Path} is no upscaling network: it makes {resultWidth} x {resultHeight} pixels of {width} x {height}, which is no whole number of times as large.");
        }

        _takesAnySize = _fixedHeight is null && Takes(Grid + 1, cancellation);
    }

    /// <summary>How many times as wide and high the result is.</summary>
    public int Factor { get; }

    /// <summary>Pixels along one side of a tile.</summary>
    public int Tile { get; init; } = DefaultTile;

    /// <summary>Pixels of margin.</summary>
    public int Margin { get; init; } = DefaultMargin;

    /// <summary>Opens a network's file.</summary>
    /// <exception cref="ModelException">It is missing, cannot be opened, or is no upscaling network.</exception>
    public static PictureUpscaler Open(string path, PipelineOptions? options = null, int tile = DefaultTile, int margin = DefaultMargin)
    {
        var (device, threads) = (options?.Device ?? ExecutionDevice.Auto, options?.Threads ?? 0);
        return new PictureUpscaler(OnnxModel.Open(path, new OnnxRuntimeHost(device, threads))) { Tile = tile, Margin = margin };
    }

    /// <summary>Enlarges a picture by <see cref="Factor"/>.</summary>
    public RgbImage Upscale(RgbImage image, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        var (rows, columns) = (Math.Max((_fixedHeight ?? (Tile + (2 * Margin))) - (2 * Margin), 1), Math.Max((_fixedWidth ?? (Tile + (2 * Margin))) - (2 * Margin), 1));
        var (width, height) = (checked(image.Width * Factor), checked(image.Height * Factor));
        var pixels = RgbImage.RoomFor(width, height);
        for (var top = 0; top < image.Height; top += rows)
        {
            for (var left = 0; left < image.Width; left += columns)
            {
                cancellation.ThrowIfCancellationRequested();
                Paint(image, top, left, Math.Min(rows, image.Height - top), Math.Min(columns, image.Width - left), pixels, cancellation);
            }
        }

        return RgbImage.Adopt(width, height, pixels);
    }

    /// <summary>Closes the network.</summary>
    public void Dispose() => _model.Dispose();

    /// <summary>Enlarges one tile with its margin, and puts what is inside of the margin into the result.</summary>
    private void Paint(RgbImage image, int top, int left, int rows, int columns, byte[] pixels, CancellationToken cancellation)
    {
        var (firstRow, firstColumn) = (Math.Max(top - Margin, 0), Math.Max(left - Margin, 0));
        var (fedRows, fedColumns) = (
            Fed(Math.Min(top + rows + Margin, image.Height) - firstRow, _fixedHeight),
            Fed(Math.Min(left + columns + Margin, image.Width) - firstColumn, _fixedWidth));
        var source = image.Pixels.Span;
        var fed = new float[3 * fedRows * fedColumns];
        for (var i = 0; i < fed.Length; i++)
        {
            var (y, x) = (Math.Min(firstRow + (i / fedColumns % fedRows), image.Height - 1), Math.Min(firstColumn + (i % fedColumns), image.Width - 1));
            fed[i] = source[(((y * image.Width) + x) * 3) + (i / (fedRows * fedColumns))] / 255f;
        }

        var (values, height, width) = Run(fed, fedRows, fedColumns, cancellation);
        NumericGuard.RequireFinite(values, "the upscaler");
        var (skipRows, skipColumns) = ((top - firstRow) * Factor, (left - firstColumn) * Factor);
        for (var y = 0; y < rows * Factor; y++)
        {
            for (var x = 0; x < columns * Factor; x++)
            {
                var to = ((((top * Factor) + y) * image.Width * Factor) + (left * Factor) + x) * 3;
                for (var channel = 0; channel < 3; channel++)
                {
                    var value = values[(((channel * height) + skipRows + y) * width) + skipColumns + x];
                    pixels[to + channel] = (byte)MathF.Round(Math.Clamp(value, 0, 1) * 255);
                }
            }
        }
    }

    /// <summary>The size to feed: that of the export, or any, or the next that the network takes.</summary>
    private int Fed(int wanted, int? exported) => exported ?? (_takesAnySize ? wanted : (wanted + Grid - 1) / Grid * Grid);

    private bool Takes(int size, CancellationToken cancellation)
    {
        try
        {
            var (_, height, width) = Run(new float[3 * size * size], size, size, cancellation);
            return height == size * Factor && width == size * Factor;
        }
        catch (ModelException)
        {
            return false;
        }
    }

    private (float[] Values, int Height, int Width) Run(float[] fed, int height, int width, CancellationToken cancellation)
    {
        using var input = _model.InputBuffer(_input, 1, 3, height, width);
        fed.CopyTo(input.Floats);
        input.Upload();
        var (values, shape) = _model.Run([input], [_output], cancellation)[0];
        return shape is [1, 3, var rows, var columns]
            ? (values, checked((int)rows), checked((int)columns))
            : throw new ModelException($"{_model.Path} is no upscaling network: it gives [{string.Join(", ", shape)}].");
    }
}
