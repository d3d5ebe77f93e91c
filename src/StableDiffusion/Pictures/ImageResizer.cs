namespace StableDiffusion;

/// <summary>Resizes pictures bit for bit as Pillow's <c>Image.resize</c> does (fixed-point convolution, first along rows, then along columns).</summary>
internal static class ImageResizer
{
    /// <summary>The picture at another size; its proportions may change.</summary>
    /// <exception cref="RequestException">The result, or the picture scaled along its rows, has more than <see cref="PngReader.MaxPixels"/>.</exception>
    public static RgbImage Resize(RgbImage image, int width, int height, ResizeFilter filter = ResizeFilter.Lanczos)
    {
        ArgumentNullException.ThrowIfNull(image);
        return Resize(image, width, height, filter, new ResizeBox(0, 0, image.Width, image.Height));
    }

    /// <summary>A part of the picture at another size. The part may have no width or height, which repeats its edge (Pillow's <c>box</c>).</summary>
    internal static RgbImage Resize(RgbImage image, int width, int height, ResizeFilter filter, ResizeBox box)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if ((long)width * Math.Max(image.Height, height) > PngReader.MaxPixels)
        {
            throw new RequestException($"A picture of {image.Width}x{image.Height} cannot be resized to {width}x{height} in memory; make it smaller first.");
        }

        return RgbImage.Adopt(width, height, Resize(image.Pixels, (image.Width, image.Height), 3, (width, height), filter, box));
    }

    /// <summary>Resizes interleaved bytes [height, width, channels].</summary>
    internal static byte[] Resize(
        ReadOnlyMemory<byte> pixels, (int Width, int Height) size, int channels, (int Width, int Height) target, ResizeFilter filter, ResizeBox box)
    {
        var alongRows = target.Width != size.Width || box.Left != 0 || box.Right != target.Width;
        var alongColumns = target.Height != size.Height || box.Top != 0 || box.Bottom != target.Height;
        var vertical = new ResizeKernel(filter, size.Height, box.Top, box.Bottom, target.Height);
        var firstRow = 0;
        if (alongRows)
        {
            var horizontal = new ResizeKernel(filter, size.Width, box.Left, box.Right, target.Width);
            firstRow = vertical.FirstInput;
            pixels = ResizeRows(pixels.Span, size.Width, channels, horizontal, firstRow, vertical.EndInput);
        }

        return alongColumns ? ResizeColumns(pixels.Span, target.Width * channels, vertical, firstRow) : pixels.ToArray();
    }

    private static byte[] ResizeRows(ReadOnlySpan<byte> pixels, int width, int channels, ResizeKernel kernel, int firstRow, int endRow)
    {
        var resized = new byte[kernel.Outputs * channels * (endRow - firstRow)];
        for (int y = firstRow, to = 0; y < endRow; y++)
        {
            var row = pixels.Slice(y * width * channels, width * channels);
            for (var x = 0; x < kernel.Outputs; x++)
            {
                var weights = kernel.Weights(x, out var first);
                for (var channel = 0; channel < channels; channel++)
                {
                    var sum = 1 << (ResizeKernel.FractionBits - 1);
                    for (int tap = 0, from = (first * channels) + channel; tap < weights.Length; tap++, from += channels)
                    {
                        sum += row[from] * weights[tap];
                    }

                    resized[to++] = ToByte(sum);
                }
            }
        }

        return resized;
    }

    private static byte[] ResizeColumns(ReadOnlySpan<byte> pixels, int rowLength, ResizeKernel kernel, int firstRow)
    {
        var resized = new byte[rowLength * kernel.Outputs];
        var sums = new int[rowLength];
        for (var y = 0; y < kernel.Outputs; y++)
        {
            Array.Fill(sums, 1 << (ResizeKernel.FractionBits - 1));
            var weights = kernel.Weights(y, out var first);
            for (var tap = 0; tap < weights.Length; tap++)
            {
                var row = pixels.Slice((first - firstRow + tap) * rowLength, rowLength);
                var weight = weights[tap];
                for (var i = 0; i < row.Length; i++)
                {
                    sums[i] += row[i] * weight;
                }
            }

            var to = resized.AsSpan(y * rowLength, rowLength);
            for (var i = 0; i < sums.Length; i++)
            {
                to[i] = ToByte(sums[i]);
            }
        }

        return resized;
    }

    private static byte ToByte(int sum) => (byte)Math.Clamp(sum >> ResizeKernel.FractionBits, 0, 255);
}

/// <summary>A part of a picture: its edges in pixels.</summary>
internal readonly record struct ResizeBox(float Left, float Top, float Right, float Bottom);
