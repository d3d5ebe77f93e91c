using System.Security.Cryptography;
using System.Text;

namespace StableDiffusion;

/// <summary>
/// Tells two models apart by their files: names and sizes of all, the whole of small ones, and samples of the large ones from their
/// beginning, middle and end, so that gigabytes need not be read.
/// </summary>
internal static class ModelFingerprint
{
    private const int Sample = 1 << 16;

    /// <summary>The fingerprint, 16 hexadecimal digits.</summary>
    public static string Of(string folder)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        // What may not be looked into (lost+found of a volume's root) is no part of the model, or it would not have opened.
        var files = Directory.EnumerateFiles(folder, "*", new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = 0 })
            .Select(path => (Path: path, Name: Path.GetRelativePath(folder, path).Replace('\\', '/')))
            .Where(file => IsOfModel(file.Name))
            .OrderBy(file => file.Name, StringComparer.Ordinal);
        var buffer = new byte[Sample];
        foreach (var (path, name) in files)
        {
            using var file = File.OpenHandle(path);
            var length = RandomAccess.GetLength(file);
            hash.AppendData(Encoding.UTF8.GetBytes($"{name}\0{length}\0"));
            long[] starts = length <= 3 * Sample ? [.. Enumerable.Range(0, (int)((length + Sample - 1) / Sample)).Select(i => (long)i * Sample)] : [0, length / 2, length - Sample];
            foreach (var start in starts)
            {
                hash.AppendData(buffer, 0, RandomAccess.Read(file, buffer, start));
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8));
    }

    /// <summary>Networks, weights, configurations and tokenizers; not what a person or another program keeps beside them.</summary>
    private static bool IsOfModel(string name) =>
        Path.GetExtension(name).ToLowerInvariant() is not (".md" or ".png" or ".jpg" or ".py" or ".csv" or ".safetensors" or ".bin" or ".msgpack" or ".ckpt")
        && !name.Split('/').Any(part => part.StartsWith('.'));
}
