using System.Numerics.Tensors;

namespace StableDiffusion.Cli;

/// <summary>Numbers as pictures.</summary>
internal static class Drawing
{
    /// <summary>Dark violet over red and orange to pale yellow: ever lighter, so that it reads in grey too.</summary>
    private static readonly (byte R, byte G, byte B)[] _heat = [(8, 4, 30), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)];

    /// <summary>Blue below 0, white at 0, red above.</summary>
    private static readonly (byte R, byte G, byte B)[] _signed = [(33, 81, 160), (150, 188, 222), (250, 250, 250), (238, 160, 130), (170, 24, 44)];

    /// <summary>Values around 0 [height, width], each a square of pixels; <paramref name="reach"/> is full colour.</summary>
    public static RgbImage Signed(ReadOnlySpan<float> values, int height, int width, float reach, int scale) =>
        Draw(values, height, width, scale, value => (value / Math.Max(reach, 1e-9f) / 2) + 0.5f, _signed);

    /// <summary>The first three channels of latents or noise as red, green and blue: false colours, around grey.</summary>
    public static RgbImage FalseColours(Latents latents, float reach, int scale)
    {
        var plane = latents.Height * latents.Width;
        var chw = new float[3 * plane * scale * scale];
        for (var channel = 0; channel < 3; channel++)
        {
            var values = latents.Values.AsSpan(Math.Min(channel, latents.Channels - 1) * plane, plane);
            for (var y = 0; y < latents.Height * scale; y++)
            {
                for (var x = 0; x < latents.Width * scale; x++)
                {
                    chw[(channel * plane * scale * scale) + (y * latents.Width * scale) + x] = Math.Clamp(values[(y / scale * latents.Width) + (x / scale)] / reach, -1, 1);
                }
            }
        }

        return RgbImage.FromChw(chw, latents.Width * scale, latents.Height * scale);
    }

    /// <summary>A picture darkened where a map [height, width] is low; the map is brought to the picture's size.</summary>
    public static RgbImage Overlay(RgbImage picture, ReadOnlySpan<float> map, int height, int width)
    {
        var top = Math.Max(TensorPrimitives.Max(map), 1e-9f);
        var pixels = picture.Pixels.ToArray();
        for (var y = 0; y < picture.Height; y++)
        {
            for (var x = 0; x < picture.Width; x++)
            {
                var share = Bilinear(map, height, width, ((y + 0.5f) * height / picture.Height) - 0.5f, ((x + 0.5f) * width / picture.Width) - 0.5f) / top;
                var (r, g, b) = Colour(_heat, share);
                var at = ((y * picture.Width) + x) * 3;
                var luminance = ((pixels[at] * 54) + (pixels[at + 1] * 183) + (pixels[at + 2] * 19)) / 256;
                (pixels[at], pixels[at + 1], pixels[at + 2]) = (Mix(luminance, r), Mix(luminance, g), Mix(luminance, b));
            }
        }

        return new RgbImage(picture.Width, picture.Height, pixels);

        static byte Mix(int grey, byte heat) => (byte)((0.3 * grey) + (0.7 * heat));
    }

    /// <summary>The picture at most <paramref name="most"/> pixels wide or high.</summary>
    public static RgbImage Thumbnail(RgbImage picture, int most)
    {
        var larger = Math.Max(picture.Width, picture.Height);
        return larger <= most ? picture : ImageResizer.Resize(picture, Math.Max(picture.Width * most / larger, 1), Math.Max(picture.Height * most / larger, 1));
    }

    private static float Bilinear(ReadOnlySpan<float> map, int height, int width, float y, float x)
    {
        y = Math.Clamp(y, 0, height - 1);
        x = Math.Clamp(x, 0, width - 1);
        var (top, left) = ((int)y, (int)x);
        var (bottom, right) = (Math.Min(top + 1, height - 1), Math.Min(left + 1, width - 1));
        var (v, u) = (y - top, x - left);
        var above = ((1 - u) * map[(top * width) + left]) + (u * map[(top * width) + right]);
        var below = ((1 - u) * map[(bottom * width) + left]) + (u * map[(bottom * width) + right]);
        return ((1 - v) * above) + (v * below);
    }

    private static RgbImage Draw(ReadOnlySpan<float> values, int height, int width, int scale, Func<float, float> share, (byte R, byte G, byte B)[] colours)
    {
        var pixels = new byte[height * width * scale * scale * 3];
        for (var y = 0; y < height * scale; y++)
        {
            for (var x = 0; x < width * scale; x++)
            {
                var (r, g, b) = Colour(colours, share(values[(y / scale * width) + (x / scale)]));
                var at = ((y * width * scale) + x) * 3;
                (pixels[at], pixels[at + 1], pixels[at + 2]) = (r, g, b);
            }
        }

        return new RgbImage(width * scale, height * scale, pixels);
    }

    private static (byte R, byte G, byte B) Colour((byte R, byte G, byte B)[] colours, float share)
    {
        var place = Math.Clamp(float.IsNaN(share) ? 0 : share, 0, 1) * (colours.Length - 1);
        var index = Math.Min((int)place, colours.Length - 2);
        var (from, to, t) = (colours[index], colours[index + 1], place - index);
        return (Between(from.R, to.R, t), Between(from.G, to.G, t), Between(from.B, to.B, t));

        static byte Between(byte a, byte b, float t) => (byte)MathF.Round(a + ((b - a) * t));
    }
}
