using System.Buffers.Binary;
using System.Text;

namespace StableDiffusion;

/// <summary>
/// EXIF's UserComment as AUTOMATIC1111's webui stores and reads it through piexif: the code <c>UNICODE</c> and big-endian UTF-16, whatever
/// the byte order around it. ImageSharp would write it little-endian, which the webui reads as Chinese.
/// </summary>
internal static class ExifComment
{
    private const int LargestSegment = 65533;
    private const int Overhead = 58; // all of the EXIF data but the text, "Exif\0\0" included

    /// <summary>The longest text that a JPEG holds, in UTF-16 units.</summary>
    public const int LongestInJpeg = (LargestSegment - Overhead) / 2;

    /// <summary>The file with the text in a segment behind its first marker, where EXIF wants it.</summary>
    /// <exception cref="RequestException">The text is longer than a segment.</exception>
    public static byte[] IntoJpeg(ReadOnlySpan<byte> jpeg, string text)
    {
        if (text.Length > LongestInJpeg)
        {
            throw new RequestException($"a JPEG holds at most {LongestInJpeg} characters of prompt and settings, and these are {text.Length}; write a PNG.");
        }

        byte[] exif = [.. "Exif\0\0"u8, .. Exif(text)];
        Span<byte> head = [0xFF, 0xD8, 0xFF, 0xE1, 0, 0];
        BinaryPrimitives.WriteUInt16BigEndian(head[4..], (ushort)(exif.Length + 2));
        return [.. head, .. exif, .. jpeg[2..]];
    }

    /// <summary>The file in WebP's extended form, with the text in a chunk behind the picture (RFC 9649, section 2.7).</summary>
    public static byte[] IntoWebP(ReadOnlySpan<byte> webp, string text, int width, int height)
    {
        const byte HasExif = 0x08;
        var picture = webp[12..]; // what ImageSharp writes without metadata is one chunk, VP8 or VP8L
        var exif = Exif(text);
        Span<byte> extended = stackalloc byte[10];
        extended[0] = HasExif;
        RiffChunk.Write24(extended[4..], width - 1);
        RiffChunk.Write24(extended[7..], height - 1);

        using var file = new MemoryStream();
        file.Write("RIFF\0\0\0\0WEBP"u8);
        RiffChunk.Write(file, "VP8X"u8, extended);
        file.Write(picture);
        RiffChunk.Write(file, "EXIF"u8, exif);
        var bytes = file.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), bytes.Length - 8);
        return bytes;
    }

    /// <summary>A big-endian TIFF structure: a directory with one entry, which points to the EXIF directory with one entry, the comment.</summary>
    private static byte[] Exif(string text)
    {
        const ushort ExifDirectory = 0x8769, UserComment = 0x9286, Undefined = 7, Long = 4;
        byte[] comment = [.. "UNICODE\0"u8, .. Encoding.BigEndianUnicode.GetBytes(text)];
        using var exif = new MemoryStream();
        exif.Write("MM\0*"u8);
        WriteInt32(exif, 8);
        WriteDirectory(exif, ExifDirectory, Long, 1, 26);
        WriteDirectory(exif, UserComment, Undefined, comment.Length, 44);
        exif.Write(comment);
        return exif.ToArray();
    }

    private static void WriteDirectory(MemoryStream exif, ushort tag, ushort type, int count, int value)
    {
        Span<byte> entry = stackalloc byte[18]; // the last four: no further directory
        BinaryPrimitives.WriteUInt16BigEndian(entry, 1);
        BinaryPrimitives.WriteUInt16BigEndian(entry[2..], tag);
        BinaryPrimitives.WriteUInt16BigEndian(entry[4..], type);
        BinaryPrimitives.WriteInt32BigEndian(entry[6..], count);
        BinaryPrimitives.WriteInt32BigEndian(entry[10..], value);
        exif.Write(entry);
    }

    private static void WriteInt32(MemoryStream exif, int value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        exif.Write(bytes);
    }
}
