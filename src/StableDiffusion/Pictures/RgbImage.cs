namespace StableDiffusion;

/// <summary>A finished picture: 8-bit red, green, blue, row by row from the top left. It never changes.</summary>
public sealed class RgbImage
{
    private readonly byte[] _pixels; // [height, width, 3]

    /// <summary>Copies <paramref name="pixels"/>, which must hold width * height * 3 bytes.</summary>
    public RgbImage(int width, int height, ReadOnlySpan<byte> pixels)
        : this(width, height, pixels.ToArray())
    {
    }

    private RgbImage(int width, int height, byte[] pixels)
    {
        var expected = ByteCount(width, height);
        if (pixels.Length != expected)
        {
            throw new ArgumentException($"{width}x{height} RGB takes {expected} bytes, not {pixels.Length}.", nameof(pixels));
        }

        Width = width;
        Height = height;
        _pixels = pixels;
    }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>The bytes [height, width, 3].</summary>
    public ReadOnlyMemory<byte> Pixels => _pixels;

    /// <summary>Reads a picture file.</summary>
    /// <exception cref="RequestException">The file is missing, or is no picture that can be read; the message says which and why.</exception>
    public static RgbImage Read(string path) => PictureReader.Read(path);

    /// <summary>
    /// Makes a picture of a decoder's output [3, height, width], where -1 is black and 1 full colour, rounded as diffusers'
    /// <c>VaeImageProcessor.postprocess</c> does: <c>(x / 2 + 0.5).clamp(0, 1) * 255</c>, half to even. Infinite values are clamped; NaN is refused.
    /// </summary>
    public static RgbImage FromChw(ReadOnlySpan<float> chw, int width, int height)
    {
        var pixels = new byte[ByteCount(width, height)];
        if (chw.Length != pixels.Length)
        {
            throw new ArgumentException($"[3, {height}, {width}] takes {pixels.Length} values, not {chw.Length}.", nameof(chw));
        }

        var plane = width * height;
        for (var channel = 0; channel < 3; channel++)
        {
            var values = chw.Slice(channel * plane, plane);
            for (int i = 0, to = channel; i < values.Length; i++, to += 3)
            {
                var unit = Math.Clamp((values[i] / 2) + 0.5f, 0f, 1f);
                if (float.IsNaN(unit))
                {
                    throw new ArgumentException($"Value {(channel * plane) + i} of the picture is not a number.", nameof(chw));
                }

                pixels[to] = (byte)MathF.Round(unit * 255);
            }
        }

        return new RgbImage(width, height, pixels);
    }

    /// <summary>Room for the pixels of a picture that is to be made.</summary>
    /// <exception cref="RequestException">No array is so large.</exception>
    internal static byte[] RoomFor(int width, int height) => (long)width * height * 3 <= Array.MaxLength
        ? new byte[width * height * 3]
        : throw new RequestException($"a picture of {width}x{height} is more than can be held at once; begin with a smaller one, or enlarge it less.");

    /// <summary>Takes over <paramref name="pixels"/> without copying: the caller must not keep it.</summary>
    internal static RgbImage Adopt(int width, int height, byte[] pixels) => new(width, height, pixels);

    private static int ByteCount(int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        var bytes = (long)width * height * 3;
        return bytes <= Array.MaxLength
            ? (int)bytes
            : throw new ArgumentOutOfRangeException(nameof(width), $"{width}x{height} is too large for one picture in memory.");
    }
}
