using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace StableDiffusion.Cli;

/// <summary>
/// Where pictures go: a file, a folder, or a pattern with <c>{index}</c>, <c>{seed}</c> and <c>{prompt}</c>. <c>{index:05}</c> pads with zeros,
/// <c>{prompt:40}</c> cuts to 40 characters. What a prompt puts into a name can never leave the folder, and is a name on every system.
/// </summary>
internal sealed partial class OutputPattern
{
    private const int MostBytes = 200; // file systems allow 255 for a name; some is left for -2 and the like
    private const int MostDigits = 20;
    private const string DefaultName = "{prompt:40}-{seed}.png";
    private const string DefaultBatchName = "{index:05}-{seed}-{prompt:40}.png";

    private readonly string _folder;
    private readonly string _pattern;
    private readonly bool _isOneFile;

    /// <param name="pattern">The name, with placeholders.</param>
    /// <param name="isOneFile">Whether it names one file.</param>
    /// <param name="folder">What stands before the name as it is, braces and all.</param>
    private OutputPattern(string pattern, bool isOneFile, string folder = "") => (_pattern, _isOneFile, _folder) = (pattern, isOneFile, folder);

    /// <summary>Reads <c>--output</c>; null is a file in the current folder that is named after prompt and seed.</summary>
    public static OutputPattern Parse(string? output)
    {
        if (output is null)
        {
            return new OutputPattern(DefaultName, isOneFile: false);
        }

        if (IsFolderAsItIs(Checked(output)))
        {
            return new OutputPattern(DefaultName, isOneFile: false, output);
        }

        output = IsFolder(output) ? Path.Combine(output, DefaultName) : output;
        return new OutputPattern(output, CountPlaceholders("--output", output) == 0);
    }

    /// <summary>Reads <c>--output</c> of a batch: a folder, which is the part before the first placeholder, and the names in it.</summary>
    public static (string Folder, OutputPattern Names) ParseBatch(string? output)
    {
        if (output is null || IsFolderAsItIs(Checked(output)))
        {
            return (output ?? ".", new OutputPattern(DefaultBatchName, isOneFile: false));
        }

        output = IsFolder(output) ? Path.Combine(output, DefaultBatchName) : output;
        if (CountPlaceholders("--output", output) == 0)
        {
            throw new RequestException($"--output {OneLine.Quote(output)} is one file for many pictures; give a folder ending in / or a pattern such as 'out/{{index:05}}-{{seed}}.png'.");
        }

        var cut = output[..output.IndexOf('{', StringComparison.Ordinal)].LastIndexOfAny(['/', Path.DirectorySeparatorChar]) + 1;
        RequireInner("--output", output, output[cut..]);
        return (cut == 0 ? "." : output[..cut], new OutputPattern(output[cut..], isOneFile: false));
    }

    /// <summary>Reads <c>output</c> of one line of a batch: a name or pattern inside the batch's folder.</summary>
    public static OutputPattern ParseLine(string output)
    {
        RequireInner("output", Checked(output), output);
        CountPlaceholders("output", output);
        return new OutputPattern(output, isOneFile: false);
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
                : (Numbered(_pattern, index), true);
        }

        var names = Separator().Split(_pattern).Select(name => Placeholder().IsMatch(name) ? Name(name, index, seed, prompt) : name);
        return (Path.Combine(_folder, string.Concat(names)), false);
    }

    /// <summary>The next name beside <paramref name="path"/> that is not taken: <c>name-2.png</c>, <c>name-3.png</c>, …</summary>
    public static string Beside(string path, int attempt) => Numbered(path, attempt);

    private static string Numbered(string path, int number) =>
        $"{Path.ChangeExtension(path, null)}-{number.ToString(CultureInfo.InvariantCulture)}{Path.GetExtension(path)}";

    private static string Checked(string output) =>
        output.Length == 0 || output.Contains('\0', StringComparison.Ordinal)
            ? throw new RequestException("--output needs a file, a folder or a pattern such as 'out/{index:05}-{seed}.png'.")
        : OperatingSystem.IsWindows() && Placeholder().Replace(output[Path.GetPathRoot(output)!.Length..], "").Contains(':', StringComparison.Ordinal)
            ? throw new RequestException($"output {OneLine.Quote(output)} has a colon, which no name on Windows can have; choose another character.")
        : output;

    /// <summary>Names in a batch's folder are those that its manifest may name: see <see cref="InnerPath"/>.</summary>
    private static void RequireInner(string option, string output, string names)
    {
        if (Path.IsPathRooted(names) || InnerPath.LeadsAway(names))
        {
            throw new RequestException($"{option} {OneLine.Quote(output)} must be a name inside the batch's folder: no leading /, no .. and no // in it.");
        }
    }

    /// <summary>A folder that is there, or has no placeholders in its name.</summary>
    private static bool IsFolderAsItIs(string output) => Directory.Exists(output) || (IsFolder(output) && !output.AsSpan().ContainsAny('{', '}'));

    private static bool IsFolder(string output) => output[^1] is '/' || output[^1] == Path.DirectorySeparatorChar;

    private static int CountPlaceholders(string option, string output)
    {
        if (PictureFormats.OfName(output) is null)
        {
            throw new RequestException($"{option} {OneLine.Quote(output)} must end in {PictureFormats.Written}, or in / for a folder.");
        }

        var placeholders = Placeholder().Matches(output);
        var unknown = placeholders.FirstOrDefault(match => match.Groups["name"].Value is not ("index" or "seed" or "prompt"));
        if (unknown is not null)
        {
            throw new RequestException($"{option} has a placeholder {OneLine.Of(unknown.Value)}; there are {{index}}, {{seed}} and {{prompt}}.");
        }

        if (Placeholder().Replace(output, "").AsSpan().ContainsAny('{', '}'))
        {
            throw new RequestException($"{option} {OneLine.Quote(output)} has a brace that belongs to no placeholder such as {{index:05}} or {{prompt:40}}.");
        }

        return placeholders.FirstOrDefault(match => match.Groups["name"].Value != "prompt" && Digits(match) > MostDigits) is { } wide
            ? throw new RequestException($"{option}: {wide.Value} is wider than {MostDigits} digits.")
            : placeholders.Count;
    }

    /// <summary>A folder or file name with its placeholders filled in; a prompt too long for a name is cut, not what stands behind it.</summary>
    private static string Name(string pattern, int index, long seed, string prompt)
    {
        string Fill(int promptBytes) => Placeholder().Replace(pattern, match => match.Groups["name"].Value switch
        {
            "index" => index.ToString($"D{Digits(match)}", CultureInfo.InvariantCulture),
            "seed" => unchecked((ulong)seed).ToString($"D{Digits(match)}", CultureInfo.InvariantCulture),
            _ => Slug(prompt, match.Groups["format"].Value, promptBytes),
        });

        var name = Fill(MostBytes);
        for (var bytes = MostBytes; Encoding.UTF8.GetByteCount(name) > MostBytes && bytes > 0; bytes -= 8)
        {
            name = Fill(bytes);
        }

        return IsReserved(name) ? "_" + name : name;
    }

    private static int Digits(Match match) =>
        int.TryParse(match.Groups["format"].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var digits) ? Math.Max(digits, 1) : 1;

    /// <summary>Letters and digits of the prompt, with one hyphen for everything between.</summary>
    private static string Slug(string prompt, string format, int mostBytes)
    {
        var slug = new StringBuilder();
        var (runes, bytes) = (0, 0);
        var most = int.TryParse(format, NumberStyles.None, CultureInfo.InvariantCulture, out var given) ? given : 80;
        foreach (var rune in prompt.EnumerateRunes())
        {
            var isMark = Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;
            var text = Rune.IsLetterOrDigit(rune) || isMark ? Rune.ToLowerInvariant(rune).ToString() : "-";
            if (text == "-" && (slug.Length == 0 || slug[^1] == '-'))
            {
                continue;
            }

            bytes += Encoding.UTF8.GetByteCount(text);
            if (++runes > most || bytes > mostBytes)
            {
                break;
            }

            slug.Append(text);
        }

        var name = slug.ToString().Trim('-');
        return name.Length > 0 ? name : "picture";
    }

    /// <summary>Names that Windows keeps for devices, with any ending.</summary>
    private static bool IsReserved(string name) =>
        name.Split('.')[0].ToUpperInvariant() is "CON" or "PRN" or "AUX" or "NUL" or ['C', 'O', 'M', >= '1' and <= '9'] or ['L', 'P', 'T', >= '1' and <= '9'];

    [GeneratedRegex(@"\{(?<name>[^{}:]*)(:(?<format>\d{1,3}))?\}", RegexOptions.CultureInvariant)]
    private static partial Regex Placeholder();

    [GeneratedRegex(@"(?<=[/\\])|(?=[/\\])", RegexOptions.CultureInvariant)]
    private static partial Regex Separator();
}
