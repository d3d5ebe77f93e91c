using System.Security.Cryptography;
using System.Text;

namespace StableDiffusion.Cli;

/// <summary>The files that jobs read, by their content: a job whose picture to start from has changed is another job.</summary>
internal sealed class InputFiles
{
    private readonly Dictionary<(string Path, long Length, DateTime Written), string> _known = [];

    /// <summary>A text for the contents of all files that the values of these fields name; empty where they name none.</summary>
    /// <param name="fields">The fields whose values are files, maybe with a weight or strength behind a colon.</param>
    public string Fingerprint(IEnumerable<KeyValuePair<string, IReadOnlyList<string>>> fields)
    {
        var text = new StringBuilder();
        foreach (var (field, values) in fields.OrderBy(one => one.Key, StringComparer.Ordinal))
        {
            foreach (var hash in values.Select(Find).OfType<string>())
            {
                text.Append(field).Append('=').Append(hash).Append('\n');
            }
        }

        return text.Length == 0 ? "" : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())).AsSpan(0, 8));
    }

    /// <summary>The content of what a value names: <c>file</c>, <c>file:0.8</c>, <c>word=file</c> or <c>folder:0.5:0-0.6</c>.</summary>
    private string? Find(string value)
    {
        foreach (var start in (string[])[value, value[(value.IndexOf('=', StringComparison.Ordinal) + 1)..]])
        {
            for (var path = start; path.Length > 0; path = path.LastIndexOf(':') is > 0 and var colon ? path[..colon] : "")
            {
                if (File.Exists(path))
                {
                    return HashOf(new FileInfo(path));
                }

                if (Directory.Exists(path))
                {
                    return ModelFingerprint.Of(path);
                }
            }
        }

        return null;
    }

    private string HashOf(FileInfo file)
    {
        var key = (file.FullName, file.Length, file.LastWriteTimeUtc);
        if (!_known.TryGetValue(key, out var hash))
        {
            using var stream = file.OpenRead();
            _known[key] = hash = Convert.ToHexStringLower(SHA256.HashData(stream));
        }

        return hash;
    }
}
