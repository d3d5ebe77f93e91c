using System.Text;

namespace StableDiffusion;

/// <summary>The small text files of a model, as editors and downloads leave them.</summary>
internal static class ModelText
{
    /// <summary>More than the largest vocabulary has; a device or a wrong file is not to fill the memory.</summary>
    private const long MostBytes = 256L << 20;

    /// <summary>The whole text: UTF-8, or UTF-16 with the mark that says so; a mark at the beginning is not part of it.</summary>
    /// <exception cref="ModelException">The file is missing, cannot be read, is no text, or stands for one that was not downloaded.</exception>
    public static string Read(string path)
    {
        var bytes = ReadBytes(path);
        LfsPointer.Refuse(path, bytes);
        var (encoding, mark) = bytes.AsSpan() switch
        {
            [0xEF, 0xBB, 0xBF, ..] => (new UTF8Encoding(false, throwOnInvalidBytes: true), 3),
            [0xFF, 0xFE, ..] => (new UnicodeEncoding(bigEndian: false, byteOrderMark: true, throwOnInvalidBytes: true), 2),
            [0xFE, 0xFF, ..] => (new UnicodeEncoding(bigEndian: true, byteOrderMark: true, throwOnInvalidBytes: true), 2),
            _ => ((Encoding)new UTF8Encoding(false, throwOnInvalidBytes: true), 0),
        };
        try
        {
            return encoding.GetString(bytes, mark, bytes.Length - mark);
        }
        catch (DecoderFallbackException error)
        {
            throw new ModelException($"{path} is no text in UTF-8 (byte {mark + error.Index}). Download it again.", error);
        }
    }

    /// <summary>The lines of <see cref="Read"/>, whatever ends them.</summary>
    public static string[] ReadLines(string path)
    {
        var lines = new List<string>();
        using var reader = new StringReader(Read(path));
        while (reader.ReadLine() is { } line)
        {
            lines.Add(line);
        }

        return [.. lines];
    }

    private static byte[] ReadBytes(string path)
    {
        try
        {
            return InputFile.ReadAllBytes(path, "file of a model", MostBytes);
        }
        catch (RequestException error)
        {
            throw new ModelException(
                error.InnerException is FileNotFoundException or DirectoryNotFoundException ? $"{path} is missing. Download the model again." : error.Message, error);
        }
    }
}
