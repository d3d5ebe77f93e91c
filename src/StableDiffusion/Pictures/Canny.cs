namespace StableDiffusion;

/// <summary>
/// Edges by Canny's method (1986, IEEE PAMI 8-6), as OpenCV's <c>cv2.Canny(image, low, high)</c> finds them (modules/imgproc/src/canny.cpp): a 3 × 3
/// Sobel filter with edges repeated, the channel with the steepest slope, |dx| + |dy|, ridges thinned along one of four directions, and
/// hysteresis over eight neighbours.
/// </summary>
internal static class Canny
{
    /// <summary>The lower threshold that most control networks for edges are used with.</summary>
    public const double DefaultLow = 100;

    /// <summary>The upper threshold.</summary>
    public const double DefaultHigh = 200;

    private const int Shift = 15;

    /// <summary>tan 22.5° in fixed point.</summary>
    private const int Tan22 = (int)((0.4142135623730950488016887242097 * (1 << Shift)) + 0.5);

    /// <summary>White edges on black.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="low">Slopes above it belong to an edge if they touch one.</param>
    /// <param name="high">Slopes above it are edges. Where it is the smaller of the two they change places.</param>
    public static RgbImage Edges(RgbImage image, double low = DefaultLow, double high = DefaultHigh)
    {
        ArgumentNullException.ThrowIfNull(image);
        var (least, most) = ((int)Math.Floor(Math.Min(low, high)), (int)Math.Floor(Math.Max(low, high)));
        var slopes = new Slopes(image);
        var isEdge = new bool[image.Width * image.Height];
        var strong = new Stack<int>();
        var candidates = new bool[isEdge.Length];
        for (var y = 0; y < image.Height; y++)
        {
            for (var x = 0; x < image.Width; x++)
            {
                var at = (y * image.Width) + x;
                if (slopes[x, y] > least && slopes.IsRidge(x, y))
                {
                    candidates[at] = true;
                    if (slopes[x, y] > most)
                    {
                        isEdge[at] = true;
                        strong.Push(at);
                    }
                }
            }
        }

        Follow(strong, candidates, isEdge, image.Width, image.Height);
        var pixels = new byte[isEdge.Length * 3];
        for (var i = 0; i < pixels.Length; i++)
        {
            pixels[i] = isEdge[i / 3] ? byte.MaxValue : (byte)0;
        }

        return RgbImage.Adopt(image.Width, image.Height, pixels);
    }

    /// <summary>Makes edges of all candidates that touch one.</summary>
    private static void Follow(Stack<int> edges, bool[] candidates, bool[] isEdge, int width, int height)
    {
        while (edges.TryPop(out var at))
        {
            var (left, top) = (Math.Max((at % width) - 1, 0), Math.Max((at / width) - 1, 0));
            for (var y = top; y <= Math.Min((at / width) + 1, height - 1); y++)
            {
                for (var x = left; x <= Math.Min((at % width) + 1, width - 1); x++)
                {
                    var near = (y * width) + x;
                    if (candidates[near] && !isEdge[near])
                    {
                        isEdge[near] = true;
                        edges.Push(near);
                    }
                }
            }
        }
    }

    /// <summary>How steep and in which direction each pixel is.</summary>
    private sealed class Slopes
    {
        private readonly int _width;
        private readonly int _height;
        private readonly short[] _dx;
        private readonly short[] _dy;
        private readonly int[] _slope;

        public Slopes(RgbImage image)
        {
            (_width, _height) = (image.Width, image.Height);
            _dx = new short[_width * _height];
            _dy = new short[_dx.Length];
            _slope = new int[_dx.Length];
            var pixels = image.Pixels.Span;
            for (var y = 0; y < _height; y++)
            {
                for (var x = 0; x < _width; x++)
                {
                    Measure(pixels, x, y);
                }
            }
        }

        /// <summary>0 outside the picture.</summary>
        public int this[int x, int y] => x < 0 || y < 0 || x >= _width || y >= _height ? 0 : _slope[(y * _width) + x];

        /// <summary>Whether none of the two neighbours across the edge is steeper.</summary>
        public bool IsRidge(int x, int y)
        {
            var at = (y * _width) + x;
            var slope = _slope[at];
            var (across, along) = (Math.Abs((int)_dx[at]), Math.Abs((int)_dy[at]) << Shift);
            var tan22 = across * Tan22;
            if (along < tan22)
            {
                return slope > this[x - 1, y] && slope >= this[x + 1, y];
            }

            if (along > tan22 + (across << (Shift + 1)))
            {
                return slope > this[x, y - 1] && slope >= this[x, y + 1];
            }

            var side = (_dx[at] ^ _dy[at]) < 0 ? -1 : 1;
            return slope > this[x - side, y - 1] && slope > this[x + side, y + 1];
        }

        private void Measure(ReadOnlySpan<byte> pixels, int x, int y)
        {
            var (left, right) = (Math.Max(x - 1, 0) * 3, Math.Min(x + 1, _width - 1) * 3);
            var (above, here, below) = (Math.Max(y - 1, 0) * _width * 3, y * _width * 3, Math.Min(y + 1, _height - 1) * _width * 3);
            var at = (y * _width) + x;
            for (var channel = 0; channel < 3; channel++)
            {
                var middle = (x * 3) + channel;
                var (l, r) = (left + channel, right + channel);
                var dx = pixels[above + r] - pixels[above + l] + (2 * (pixels[here + r] - pixels[here + l])) + pixels[below + r] - pixels[below + l];
                var dy = pixels[below + l] - pixels[above + l] + (2 * (pixels[below + middle] - pixels[above + middle])) + pixels[below + r] - pixels[above + r];
                if (channel == 0 || Math.Abs(dx) + Math.Abs(dy) > _slope[at])
                {
                    (_dx[at], _dy[at], _slope[at]) = ((short)dx, (short)dy, Math.Abs(dx) + Math.Abs(dy));
                }
            }
        }
    }
}
