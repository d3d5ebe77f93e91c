namespace StableDiffusion;

/// <summary>Brings a user's pictures and masks into the numbers the model takes: diffusers' <c>VaeImageProcessor</c> (image_processor.py).</summary>
internal static class ImageProcessor
{
    /// <summary>An initial picture for the VAE encoder.</summary>
    /// <returns>[3, height, width], -1 for black to 1 for full colour.</returns>
    public static float[] InitImage(RgbImage image, int width, int height, ImageFit fit = ImageFit.Stretch)
    {
        var pixels = Resize(image, width, height, fit).Pixels.Span;
        var plane = width * height;
        var chw = new float[pixels.Length];
        for (int i = 0, from = 0; i < plane; i++)
        {
            for (var channel = 0; channel < 3; channel++, from++)
            {
                chw[(channel * plane) + i] = (2f * (pixels[from] / 255f)) - 1f;
            }
        }

        return chw;
    }

    /// <summary>What a control network is shown.</summary>
    /// <returns>[3, height, width], 0 for black to 1 for full colour.</returns>
    public static float[] ControlImage(RgbImage image, int width, int height)
    {
        var pixels = Resize(image, width, height, ImageFit.Stretch).Pixels.Span;
        var plane = width * height;
        var chw = new float[pixels.Length];
        for (var i = 0; i < pixels.Length; i++)
        {
            chw[(i % 3 * plane) + (i / 3)] = pixels[i] / 255f;
        }

        return chw;
    }

    /// <summary>A mask: resized as a picture, made gray, and cut at one half.</summary>
    /// <returns>[1, height, width]: 1 where the mask is light and the model paints, 0 where the picture stays.</returns>
    public static float[] Mask(RgbImage mask, int width, int height, ImageFit fit = ImageFit.Stretch)
    {
        var gray = Gray(Resize(mask, width, height, fit));
        var binary = new float[gray.Length];
        for (var i = 0; i < gray.Length; i++)
        {
            binary[i] = gray[i] / 255f < 0.5f ? 0 : 1;
        }

        return binary;
    }

    /// <summary>A mask at the size of the latents, as <c>torch.nn.functional.interpolate</c> with mode <c>nearest</c> makes it.</summary>
    /// <param name="mask">[1, height, width].</param>
    /// <param name="width">Of the mask.</param>
    /// <param name="height">Of the mask.</param>
    /// <param name="latentWidth">Of the result.</param>
    /// <param name="latentHeight">Of the result.</param>
    /// <returns>[1, latentHeight, latentWidth].</returns>
    public static float[] LatentMask(ReadOnlySpan<float> mask, int width, int height, int latentWidth, int latentHeight)
    {
        CheckLength(mask, width * height, nameof(mask));
        var latents = new float[latentWidth * latentHeight];
        for (int y = 0, to = 0; y < latentHeight; y++)
        {
            var row = Nearest(y, height, latentHeight) * width;
            for (var x = 0; x < latentWidth; x++, to++)
            {
                latents[to] = mask[row + Nearest(x, width, latentWidth)];
            }
        }

        return latents;
    }

    /// <summary>The initial picture with gray (0) where the mask is 1, as the nine-channel inpainting models want it: <c>init * (mask &lt; 0.5)</c>.</summary>
    /// <param name="initImage">[3, height, width].</param>
    /// <param name="mask">[1, height, width].</param>
    /// <returns>[3, height, width].</returns>
    public static float[] MaskedImage(ReadOnlySpan<float> initImage, ReadOnlySpan<float> mask)
    {
        CheckLength(initImage, 3 * mask.Length, nameof(initImage));
        var masked = new float[initImage.Length];
        for (var i = 0; i < masked.Length; i++)
        {
            masked[i] = initImage[i] * (mask[i % mask.Length] < 0.5f ? 1 : 0);
        }

        return masked;
    }

    /// <summary>The picture at the size asked for, with Lanczos.</summary>
    /// <exception cref="RequestException">The picture is so long and thin that nothing of it would be left, or too much.</exception>
    public static RgbImage Resize(RgbImage image, int width, int height, ImageFit fit)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (fit == ImageFit.Stretch)
        {
            return ImageResizer.Resize(image, width, height);
        }

        // Narrower than asked for: to crop, the width decides and the height overhangs; to fill, the other way round.
        var ratio = (double)width / height;
        var ownRatio = (double)image.Width / image.Height;
        var widthDecides = fit == ImageFit.Crop ? ratio > ownRatio : ratio < ownRatio;
        var heightDecides = fit == ImageFit.Crop ? ratio <= ownRatio : ratio >= ownRatio;
        var scaledWidth = widthDecides ? width : (int)Math.Min(int.MaxValue, (long)image.Width * height / image.Height);
        var scaledHeight = heightDecides ? height : (int)Math.Min(int.MaxValue, (long)image.Height * width / image.Width);
        if (scaledWidth == 0 || scaledHeight == 0)
        {
            throw new RequestException($"A picture of {image.Width}x{image.Height} is too thin to be fitted into {width}x{height}; crop it first.");
        }

        var scaled = ImageResizer.Resize(image, scaledWidth, scaledHeight);
        var canvas = new byte[width * height * 3];
        var (left, top) = ((width / 2) - (scaledWidth / 2), (height / 2) - (scaledHeight / 2));
        Paste(scaled, canvas, width, height, left, top);
        if (fit == ImageFit.Fill)
        {
            FillEdges(scaled, canvas, width, height, left, top);
        }

        return RgbImage.Adopt(width, height, canvas);
    }

    /// <summary>Luma as Pillow's <c>convert("L")</c> rounds it (ITU-R BT.601 in 16-bit fixed point).</summary>
    /// <returns>[height, width].</returns>
    internal static byte[] Gray(RgbImage image)
    {
        var pixels = image.Pixels.Span;
        var gray = new byte[pixels.Length / 3];
        for (int i = 0, from = 0; i < gray.Length; i++, from += 3)
        {
            gray[i] = (byte)(((pixels[from] * 19595) + (pixels[from + 1] * 38470) + (pixels[from + 2] * 7471) + 0x8000) >> 16);
        }

        return gray;
    }

    // diffusers resizes a part without extent and Pillow's own default filter, bicubic, then blends the two outermost rows or columns.
    private static void FillEdges(RgbImage scaled, byte[] canvas, int width, int height, int left, int top)
    {
        var (right, bottom) = (scaled.Width, scaled.Height);
        if (top > 0)
        {
            var above = ImageResizer.Resize(scaled, width, top, ResizeFilter.Bicubic, new ResizeBox(0, 0, width, 0));
            var below = ImageResizer.Resize(scaled, width, top, ResizeFilter.Bicubic, new ResizeBox(0, bottom, width, bottom));
            Paste(above, canvas, width, height, 0, 0);
            Paste(below, canvas, width, height, 0, top + bottom);
        }

        if (left > 0)
        {
            var before = ImageResizer.Resize(scaled, left, height, ResizeFilter.Bicubic, new ResizeBox(0, 0, 0, height));
            var after = ImageResizer.Resize(scaled, left, height, ResizeFilter.Bicubic, new ResizeBox(right, 0, right, height));
            Paste(before, canvas, width, height, 0, 0);
            Paste(after, canvas, width, height, left + right, 0);
        }
    }

    private static void Paste(RgbImage image, byte[] canvas, int width, int height, int left, int top)
    {
        var (first, end) = (Math.Max(0, left), Math.Min(width, left + image.Width));
        for (var y = Math.Max(0, top); y < Math.Min(height, top + image.Height); y++)
        {
            var from = (((y - top) * image.Width) + first - left) * 3;
            image.Pixels.Span.Slice(from, (end - first) * 3).CopyTo(canvas.AsSpan(((y * width) + first) * 3));
        }
    }

    // torch computes in float32: the scale first, then the product.
    private static int Nearest(int index, int inputs, int outputs) => Math.Min((int)(index * ((float)inputs / outputs)), inputs - 1);

    private static void CheckLength(ReadOnlySpan<float> values, int expected, string name)
    {
        if (values.Length != expected)
        {
            throw new ArgumentException($"{expected} values are needed, not {values.Length}.", name);
        }
    }
}
