using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace StableDiffusion;

/// <summary>
/// Reads any PNG: every colour type and bit depth, interlaced or not, with the checksums checked.
/// What is wrong with a file, or with a file that is no PNG, is said in one line.
/// </summary>
internal static class PngReader
{
    /// <summary>The most pixels a picture may declare: 300 MB in memory.</summary>
    public const int MaxPixels = 100_000_000;

    internal const long LargestFile = 1L << 29;
    private const int LargestText = 1 << 24;
    private const int ChunkOverhead = 12; // length, type, checksum

    /// <summary>Reads pixels and texts. Transparency is dropped and 16-bit samples keep their high byte.</summary>
    /// <exception cref="RequestException">The file is missing, unreadable, no PNG, broken, or larger than <see cref="MaxPixels"/>.</exception>
    public static PngPicture Read(string path) => Read(InputFile.ReadAllBytes(path, "picture", LargestFile), path);

    /// <summary>Reads the texts alone, which takes no time however large the picture. Texts that are malformed or inflate to more than 16 MiB are left out.</summary>
    /// <exception cref="RequestException">The file is missing, unreadable, no PNG or broken.</exception>
    public static IReadOnlyList<KeyValuePair<string, string>> ReadTexts(string path) =>
        ParseTexts(ReadChunks(InputFile.ReadAllBytes(path, "picture", LargestFile), path));

    /// <summary>Reads a file's bytes; <paramref name="name"/> is what messages call it.</summary>
    internal static PngPicture Read(byte[] file, string name)
    {
        var chunks = ReadChunks(file, name);
        var image = ReadImage(chunks, name, out var alpha);
        var exif = chunks.Find(static chunk => chunk.Type == "eXIf").Data.Span;
        return new PngPicture(ExifOrientation.Upright(image, ExifOrientation.Of(exif)), ParseTexts(chunks)) { Alpha = alpha };
    }

    private static List<Chunk> ReadChunks(byte[] file, string name)
    {
        if (!file.AsSpan().StartsWith(PngFormat.Signature))
        {
            throw Wrong(name, PictureFormats.OfContent(file) is { } kind ? $"is in {PictureFormats.NameOf(kind)} format, not PNG." : PictureFormats.Describe(file));
        }

        var chunks = new List<Chunk>();
        for (var at = PngFormat.Signature.Length; chunks.Count == 0 || chunks[^1].Type != "IEND";)
        {
            if (file.Length - at < ChunkOverhead || BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at)) is var length && length > file.Length - at - ChunkOverhead)
            {
                throw Wrong(name, $"is cut short: it ends after {file.Length} bytes, within the picture; copy or save it again.");
            }

            var type = file.AsSpan(at + 4, 4);
            var data = file.AsMemory(at + 8, (int)length);
            if (PngFormat.Crc(type, data.Span) != BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at + 8 + (int)length)))
            {
                throw Wrong(name, $"is damaged: the checksum of its part at byte {at} is wrong; copy or save it again.");
            }

            chunks.Add(new Chunk(Encoding.Latin1.GetString(type), data));
            at += (int)length + ChunkOverhead;
        }

        return chunks;
    }

    private static RgbImage ReadImage(List<Chunk> chunks, string name, out (byte Least, byte Most) alpha)
    {
        if (chunks[0].Type != "IHDR" || !PngHeader.TryParse(chunks[0].Data.Span, out var header))
        {
            throw Wrong(name, "has a PNG header that the format does not allow; save it again with a picture program.");
        }

        if ((long)header.Width * header.Height > MaxPixels)
        {
            throw Wrong(name, $"has {header.Width}x{header.Height} pixels, and at most {MaxPixels / 1_000_000} million are read; make it smaller.");
        }

        foreach (var chunk in chunks)
        {
            if (char.IsAsciiLetterUpper(chunk.Type[0]) && chunk.Type is not ("IHDR" or "PLTE" or "IDAT" or "IEND"))
            {
                throw Wrong(name, $"needs the PNG extension {OneLine.Quote(chunk.Type)}, which is not known; save it again with a picture program.");
            }
        }

        var palette = chunks.Find(static chunk => chunk.Type == "PLTE").Data;
        if (header.Colour == PngColour.Palette && (palette.Length == 0 || palette.Length % 3 != 0))
        {
            throw Wrong(name, "has no usable palette; save it again with a picture program.");
        }

        var image = Inflate(chunks, header, palette.Span, name, out alpha);
        if (chunks.Find(static chunk => chunk.Type == "tRNS").Data is { Length: > 0 } transparency)
        {
            // Opacities of a palette's colours, or one colour that is transparent as a whole.
            alpha = header.Colour == PngColour.Palette ? (transparency.ToArray().Min(), (byte)255) : ((byte)0, (byte)255);
        }

        return image;
    }

    private static RgbImage Inflate(List<Chunk> chunks, PngHeader header, ReadOnlySpan<byte> palette, string name, out (byte Least, byte Most) alpha)
    {
        var compressed = new MemoryStream();
        foreach (var chunk in chunks.Where(static chunk => chunk.Type == "IDAT"))
        {
            compressed.Write(chunk.Data.Span);
        }

        // Deflate makes at most 258 bytes of 2 bits: what cannot be there needs no memory.
        const long LargestRatio = 258 * 8 / 2;
        var expected = header.Passes().Sum(pass => pass.Height * (1L + header.RowLength(pass.Width)));
        if (expected > LargestRatio * compressed.Length)
        {
            throw Wrong(name, "holds too little data for its size; copy or save it again.");
        }

        try
        {
            compressed.Position = 0;
            using var inflated = new ZLibStream(compressed, CompressionMode.Decompress);
            return PngPixels.Read(inflated, header, palette, out alpha);
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException)
        {
            throw new RequestException($"{OneLine.Quote(name)} is damaged: its pixels cannot be decompressed; copy or save it again.", exception);
        }
    }

    private static List<KeyValuePair<string, string>> ParseTexts(List<Chunk> chunks)
    {
        var texts = new List<KeyValuePair<string, string>>();
        foreach (var (type, data) in chunks)
        {
            if (type is not ("tEXt" or "zTXt" or "iTXt") || data.Span.IndexOf((byte)0) is var end && end < 1)
            {
                continue;
            }

            var rest = data[(end + 1)..];
            var text = type switch
            {
                "tEXt" => Encoding.Latin1.GetString(rest.Span),
                "zTXt" => rest.Length > 0 && rest.Span[0] == 0 ? Text(rest[1..], compressed: true, Encoding.Latin1) : null,
                _ => InternationalText(rest),
            };
            if (text is not null)
            {
                texts.Add(new(Encoding.Latin1.GetString(data.Span[..end]), text));
            }
        }

        return texts;
    }

    // iTXt after the keyword: compressed or not, method, language tag, NUL, translated keyword, NUL, text.
    private static string? InternationalText(ReadOnlyMemory<byte> data)
    {
        if (data.Length < 4 || data.Span[0] > 1 || (data.Span[0] == 1 && data.Span[1] != 0))
        {
            return null;
        }

        var compressed = data.Span[0] == 1;
        data = data[2..];
        for (var skipped = 0; skipped < 2; skipped++)
        {
            var end = data.Span.IndexOf((byte)0);
            if (end < 0)
            {
                return null;
            }

            data = data[(end + 1)..];
        }

        return Text(data, compressed, Encoding.UTF8);
    }

    private static string? Text(ReadOnlyMemory<byte> data, bool compressed, Encoding encoding)
    {
        if (!compressed)
        {
            return encoding.GetString(data.Span);
        }

        try
        {
            using var inflate = new ZLibStream(new MemoryStream(data.ToArray()), CompressionMode.Decompress);
            var text = new MemoryStream();
            var buffer = new byte[8192];
            for (int read; (read = inflate.Read(buffer)) > 0;)
            {
                text.Write(buffer, 0, read);
                if (text.Length > LargestText)
                {
                    return null;
                }
            }

            return encoding.GetString(text.GetBuffer(), 0, (int)text.Length);
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException)
        {
            return null;
        }
    }

    private static RequestException Wrong(string name, string what) => new($"{OneLine.Quote(name)} {what}");

    private readonly record struct Chunk(string Type, ReadOnlyMemory<byte> Data);
}
