using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;

namespace StableDiffusion;

/// <summary>Tells whether a file is still the one it was, and what the webui calls it: the first digits of a SHA-256.</summary>
internal static class FileStamp
{
    private const int ShortHashLength = 12;

    private static readonly ConcurrentDictionary<(string Stamp, long Start), string> _hashes = new();

    /// <summary>Path, length and time of the last change: another text where the file may be another.</summary>
    public static string Of(string path)
    {
        var file = new FileInfo(path);
        return file.Exists
            ? string.Create(CultureInfo.InvariantCulture, $"{file.FullName} {file.Length} {file.LastWriteTimeUtc.Ticks}")
            : path;
    }

    /// <summary>The webui's short hash of a file (modules/hashes.py).</summary>
    /// <param name="path">The file.</param>
    /// <param name="afterHeader">Whether the header of a .safetensors file is left out, as for LoRAs (addnet_hash_safetensors).</param>
    public static string ShortHash(string path, bool afterHeader)
    {
        using var stream = File.OpenRead(path);
        Span<byte> length = stackalloc byte[sizeof(ulong)];
        long start = 0;
        if (afterHeader)
        {
            stream.ReadExactly(length);
            start = sizeof(ulong) + (long)BitConverter.ToUInt64(length);
        }

        return _hashes.GetOrAdd((Of(path), start), _ =>
        {
            stream.Position = start;
            return Convert.ToHexStringLower(SHA256.HashData(stream))[..ShortHashLength];
        });
    }
}
