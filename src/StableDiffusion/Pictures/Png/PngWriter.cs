using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace StableDiffusion;

/// <summary>Writes 8-bit RGB pictures as PNG with text beside the pixels. The same input gives the same bytes on the same .NET runtime.</summary>
internal static class PngWriter
{
    private const int BytesPerPixel = 3;

    /// <summary>
    /// Writes <paramref name="image"/> and its texts, each as tEXt where Latin-1 can hold it and as iTXt (UTF-8) otherwise.
    /// A text may be anything: what no PNG text can hold (NUL, half a surrogate pair) is written as U+FFFD.
    /// </summary>
    /// <param name="stream">Where the file goes; left open.</param>
    /// <param name="image">The picture.</param>
    /// <param name="texts">Keyword and text, in the order they are written. A keyword is 1 to 79 printable Latin-1 characters without leading,
    /// trailing or doubled spaces; another one throws <see cref="ArgumentException"/>.</param>
    public static void Write(Stream stream, RgbImage image, IReadOnlyList<KeyValuePair<string, string>>? texts = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(image);
        foreach (var (keyword, _) in texts ?? [])
        {
            CheckKeyword(keyword);
        }

        stream.Write(PngFormat.Signature);
        WriteChunk(stream, "IHDR"u8, Header(image));
        foreach (var (keyword, text) in texts ?? [])
        {
            WriteText(stream, keyword, text);
        }

        var compressed = Compress(image);
        WriteChunk(stream, "IDAT"u8, compressed.GetBuffer().AsSpan(0, (int)compressed.Length));
        WriteChunk(stream, "IEND"u8, []);
    }

    private static byte[] Header(RgbImage image)
    {
        const byte BitDepth = 8;
        const byte TrueColour = 2;
        var header = new byte[13]; // the last three: deflate, adaptive filters, no interlace
        BinaryPrimitives.WriteInt32BigEndian(header, image.Width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), image.Height);
        header[8] = BitDepth;
        header[9] = TrueColour;
        return header;
    }

    private static MemoryStream Compress(RgbImage image)
    {
        var pixels = image.Pixels.Span;
        var rowLength = image.Width * BytesPerPixel;
        var row = new byte[BytesPerPixel + rowLength];
        var above = new byte[BytesPerPixel + rowLength];
        var best = new byte[1 + rowLength]; // filter number, residuals
        var trial = new byte[1 + rowLength];

        var compressed = new MemoryStream();
        var options = new ZLibCompressionOptions { CompressionLevel = 7, CompressionStrategy = ZLibCompressionStrategy.Filtered };
        using (var deflate = new ZLibStream(compressed, options, leaveOpen: true))
        {
            for (var y = 0; y < image.Height; y++)
            {
                pixels.Slice(y * rowLength, rowLength).CopyTo(row.AsSpan(BytesPerPixel));
                var least = long.MaxValue;
                for (var filter = 0; filter < PngFilters.Count; filter++)
                {
                    var sum = PngFilters.Apply(filter, row, above, BytesPerPixel, trial.AsSpan(1));
                    if (sum < least)
                    {
                        least = sum;
                        trial[0] = (byte)filter;
                        (best, trial) = (trial, best);
                    }
                }

                deflate.Write(best);
                (row, above) = (above, row);
            }
        }

        return compressed;
    }

    private static void WriteText(Stream stream, string keyword, string text)
    {
        text = text.Replace('\0', '\uFFFD');
        var data = new MemoryStream();
        data.Write(Encoding.Latin1.GetBytes(keyword));
        data.WriteByte(0);
        if (text.All(static c => c <= 0xFF))
        {
            data.Write(Encoding.Latin1.GetBytes(text));
            WriteChunk(stream, "tEXt"u8, data.ToArray());
        }
        else
        {
            data.Write([0, 0, 0, 0]); // not compressed, compression method, empty language tag, empty translated keyword
            data.Write(Encoding.UTF8.GetBytes(text));
            WriteChunk(stream, "iTXt"u8, data.ToArray());
        }
    }

    private static void CheckKeyword(string keyword)
    {
        var printable = keyword.All(static c => c is (>= ' ' and <= '~') or (>= '\u00A1' and <= '\u00FF'));
        var spaced = keyword.StartsWith(' ') || keyword.EndsWith(' ') || keyword.Contains("  ", StringComparison.Ordinal);
        if (keyword.Length is 0 or > 79 || !printable || spaced)
        {
            throw new ArgumentException(
                $"'{keyword}' is no PNG text keyword: 1 to 79 printable Latin-1 characters, no leading, trailing or doubled spaces.", nameof(keyword));
        }
    }

    private static void WriteChunk(Stream stream, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        PngFormat.WriteUInt32(stream, (uint)data.Length);
        stream.Write(type);
        stream.Write(data);
        PngFormat.WriteUInt32(stream, PngFormat.Crc(type, data));
    }
}
