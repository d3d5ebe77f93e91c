using System.Buffers.Binary;
using System.Text;

namespace StableDiffusion;

/// <summary>What programs wrote into a picture's file about how it was made.</summary>
internal static class PictureText
{
    private const ushort ExifDirectory = 0x8769;
    private const ushort UserComment = 0x9286;
    private const int CodeLength = 8;

    /// <summary>Keywords and texts: those of a PNG, or EXIF's UserComment under the webui's keyword.</summary>
    /// <exception cref="RequestException">The file is missing, unreadable or of no known format.</exception>
    public static IReadOnlyList<KeyValuePair<string, string>> Read(string path)
    {
        var file = InputFile.ReadAllBytes(path, "picture", PngReader.LargestFile);
        return PictureFormats.OfContent(file) switch
        {
            PictureKind.Png => PngReader.ReadTexts(path),
            null => throw new RequestException($"{OneLine.Quote(path)} {PictureFormats.Describe(file)}"),
            _ => Comment(file) is { } comment ? [new(GenerationParameters.Keyword, comment)] : [],
        };
    }

    /// <summary>The UserComment of the first EXIF data in the file; null where there is none.</summary>
    private static string? Comment(ReadOnlySpan<byte> file)
    {
        foreach (var order in (string[])["MM\0*", "II*\0"])
        {
            var mark = Encoding.ASCII.GetBytes(order);
            for (int from = 0, at; (at = file[from..].IndexOf(mark)) >= 0; from += at + 1)
            {
                var tiff = new Tiff(file[(from + at)..].ToArray(), order[0] == 'M');
                if (tiff.Find(tiff.Integer(4), ExifDirectory) is { } exif && tiff.Find(exif.Value, UserComment) is { } comment && tiff.Bytes(comment) is { Length: > CodeLength } bytes)
                {
                    return Decode(bytes);
                }
            }
        }

        return null;
    }

    /// <summary>The first eight bytes name the code; UTF-16 is big-endian or not, whatever the file says, so that the commoner half of its bytes decides.</summary>
    private static string Decode(ReadOnlySpan<byte> comment)
    {
        var code = comment[..CodeLength];
        var text = comment[CodeLength..];
        if (!code.StartsWith("UNICODE"u8))
        {
            return Encoding.UTF8.GetString(text).TrimEnd('\0');
        }

        var (even, odd) = (0, 0);
        for (var i = 0; i + 1 < text.Length; i += 2)
        {
            even += text[i] == 0 ? 1 : 0;
            odd += text[i + 1] == 0 ? 1 : 0;
        }

        return (odd > even ? Encoding.Unicode : Encoding.BigEndianUnicode).GetString(text).TrimEnd('\0');
    }

    /// <summary>The little of TIFF's structure that EXIF data needs; places outside of it are nothing.</summary>
    private sealed class Tiff(byte[] bytes, bool isBigEndian)
    {
        private const int EntryLength = 12;

        public int Integer(int at) => at < 0 || at > bytes.Length - 4 ? -1
            : isBigEndian ? BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(at)) : BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at));

        /// <summary>An entry of a directory: how many values it has, and its value or where they are.</summary>
        public (int Count, int Value)? Find(int directory, ushort tag)
        {
            var count = Short(directory);
            for (var i = 0; i < count; i++)
            {
                var at = directory + 2 + (i * EntryLength);
                if (Short(at) == tag)
                {
                    return (Integer(at + 4), Integer(at + 8));
                }
            }

            return null;
        }

        public byte[]? Bytes((int Count, int Value) entry) =>
            entry.Count > 0 && entry.Value >= 0 && entry.Value <= bytes.Length - entry.Count ? bytes.AsSpan(entry.Value, entry.Count).ToArray() : null;

        private int Short(int at) => at < 0 || at > bytes.Length - 2 ? 0
            : isBigEndian ? BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at)) : BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at));
    }
}
