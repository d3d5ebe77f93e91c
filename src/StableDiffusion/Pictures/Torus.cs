namespace StableDiffusion;

/// <summary>Pictures whose opposite edges are neighbours: what looks around a pixel is shown the other side, and the picture stays without a seam.</summary>
internal static class Torus
{
    /// <summary>Enlarges a picture with as much of its opposite edges around it as is looked at, and cuts that off again.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="width">The width it shall have.</param>
    /// <param name="height">The height it shall have.</param>
    /// <param name="reach">Pixels of the picture that are looked at around one.</param>
    /// <param name="enlarge">Enlarges a picture to a width and a height.</param>
    public static RgbImage Enlarge(RgbImage image, int width, int height, int reach, Func<RgbImage, int, int, RgbImage> enlarge)
    {
        var (left, top) = (Margin(image.Width, width, reach), Margin(image.Height, height, reach));
        var (cutLeft, cutTop) = ((int)((long)left * width / image.Width), (int)((long)top * height / image.Height));
        var around = Part(image, -left, -top, image.Width + (2 * left), image.Height + (2 * top));
        return Part(enlarge(around, width + (2 * cutLeft), height + (2 * cutTop)), cutLeft, cutTop, width, height);
    }

    /// <summary>The smallest margin of at least the reach that is whole pixels before and after.</summary>
    private static int Margin(int from, int to, int reach)
    {
        var (one, rest) = (from, to);
        while (rest != 0)
        {
            (one, rest) = (rest, one % rest);
        }

        var step = from / one;
        return (reach + step - 1) / step * step;
    }

    /// <summary>A part of the plane that is covered with copies of a picture.</summary>
    private static RgbImage Part(RgbImage image, int left, int top, int width, int height)
    {
        var source = image.Pixels.Span;
        var pixels = RgbImage.RoomFor(width, height);
        for (var y = 0; y < height; y++)
        {
            var row = Wrapped(top + y, image.Height) * image.Width;
            for (var x = 0; x < width; x++)
            {
                source.Slice((row + Wrapped(left + x, image.Width)) * 3, 3).CopyTo(pixels.AsSpan(((y * width) + x) * 3));
            }
        }

        return RgbImage.Adopt(width, height, pixels);
    }

    private static int Wrapped(int place, int size) => ((place % size) + size) % size;
}
