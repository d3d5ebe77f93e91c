using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace StableDiffusion.Cli;

/// <summary>
/// Where pictures go: a file, a folder, or a pattern with <c>{index}</c>, <c>{seed}</c> and <c>{prompt}</c>. <c>{index:05}</c> pads with zeros,
/// <c>{prompt:40}</c> cuts to 40 characters. What a prompt puts into a name can never leave the folder.
/// </summary>
internal sealed partial class OutputPattern
{
    private const int LongestName = 200;
    private const string DefaultName = "{prompt:40}-{seed}.png";

    private readonly string _pattern;
    private readonly bool _isOneFile;

    private OutputPattern(string pattern, bool isOneFile) => (_pattern, _isOneFile) = (pattern, isOneFile);

    /// <summary>Reads <c>--output</c>; null is a file in the current folder that is named after prompt and seed.</summary>
    public static OutputPattern Parse(string? output)
    {
        if (output is null)
        {
            return new OutputPattern(DefaultName, isOneFile: false);
        }

        if (output.Length == 0 || output.Contains('\0', StringComparison.Ordinal))
        {
            throw new RequestException("--output needs a file, a folder or a pattern such as 'out/{index:05}-{seed}.png'.");
        }

        if (Directory.Exists(output) || output[^1] is '/' || output[^1] == Path.DirectorySeparatorChar)
        {
            return new OutputPattern(Path.Combine(output, DefaultName), isOneFile: false);
        }

        if (!output.EndsWith(".png", StringComparison.OrdinalIgnoreCase))
        {
            throw new RequestException($"--output {output} must end in .png (pictures are PNG files), or in / for a folder.");
        }

        var placeholders = Placeholder().Matches(output).Select(match => match.Groups["name"].Value).ToList();
        var unknown = placeholders.Find(name => name is not ("index" or "seed" or "prompt"));
        return unknown is null
            ? new OutputPattern(output, placeholders.Count == 0)
            : throw new RequestException($"--output has a placeholder {{{unknown}}}; there are {{index}}, {{seed}} and {{prompt}}.");
    }

    /// <summary>The path of one picture.</summary>
    /// <param name="index">Which picture of the run, from 0.</param>
    /// <param name="count">Pictures of the run.</param>
    /// <param name="seed">Its seed.</param>
    /// <param name="prompt">Its prompt.</param>
    /// <returns>A path, and whether an older picture of that name is to be replaced (a name given in full) or kept.</returns>
    public (string Path, bool Replaces) PathOf(int index, int count, long seed, string prompt)
    {
        if (_isOneFile)
        {
            return count == 1
                ? (_pattern, true)
                : (Path.ChangeExtension(_pattern, null) + $"-{index.ToString(CultureInfo.InvariantCulture)}.png", true);
        }

        var path = Placeholder().Replace(_pattern, match => match.Groups["name"].Value switch
        {
            "index" => Padded(index, match.Groups["format"].Value),
            "seed" => Padded(seed, match.Groups["format"].Value),
            _ => Slug(prompt, match.Groups["format"].Value),
        });
        return (Shortened(path), false);
    }

    /// <summary>The next name beside <paramref name="path"/> that is not taken: <c>name-2.png</c>, <c>name-3.png</c>, …</summary>
    public static string Beside(string path, int attempt) =>
        Path.ChangeExtension(path, null) + $"-{attempt.ToString(CultureInfo.InvariantCulture)}.png";

    private static string Padded(long number, string format) =>
        number.ToString("D" + (format.Length == 0 ? "1" : format.TrimStart('0').PadLeft(1, '1')), CultureInfo.InvariantCulture);

    /// <summary>Letters and digits of the prompt, with one hyphen for everything between.</summary>
    private static string Slug(string prompt, string format)
    {
        var slug = new StringBuilder();
        foreach (var rune in prompt.EnumerateRunes())
        {
            if (Rune.IsLetterOrDigit(rune))
            {
                slug.Append(Rune.ToLowerInvariant(rune).ToString());
            }
            else if (slug.Length > 0 && slug[^1] != '-')
            {
                slug.Append('-');
            }
        }

        var limit = format.Length > 0 ? int.Parse(format, NumberStyles.None, CultureInfo.InvariantCulture) : 80;
        var text = Cut(slug.ToString(), limit).Trim('-');
        return text.Length > 0 ? text : "picture";
    }

    /// <summary>File systems allow 255 bytes for a name; a long one is cut before its ending.</summary>
    private static string Shortened(string path)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        return Encoding.UTF8.GetByteCount(name) <= LongestName
            ? path
            : Path.Combine(Path.GetDirectoryName(path) ?? "", Cut(name, LongestName) + Path.GetExtension(path));
    }

    private static string Cut(string text, int bytes)
    {
        var kept = 0;
        var length = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            length += rune.Utf8SequenceLength;
            if (length > bytes)
            {
                break;
            }

            kept += rune.Utf16SequenceLength;
        }

        return text[..kept];
    }

    [GeneratedRegex(@"\{(?<name>[^{}:]*)(:(?<format>\d{1,3}))?\}", RegexOptions.CultureInvariant)]
    private static partial Regex Placeholder();
}
