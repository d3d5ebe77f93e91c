using System.Globalization;
using System.Text.RegularExpressions;

namespace StableDiffusion;

/// <summary>The Python dictionary that describes the array of a .npy file.</summary>
/// <param name="Type">Byte order and type: "&lt;f4".</param>
/// <param name="FortranOrder">True: the first index changes fastest.</param>
/// <param name="Shape">The length of each dimension.</param>
internal sealed record NpyHeader(string Type, bool FortranOrder, IReadOnlyList<long> Shape)
{
    // One entry of the dictionary at a time; NumPy under Python 2 wrote lengths as 3L.
    private static readonly Regex _entry = new(
        """\G\s*(?:'(?<key>\w+)'|"(?<key>\w+)")\s*:\s*(?:'(?<text>[^'\\]*)'|"(?<text>[^"\\]*)"|(?<bool>True|False)|\((?<tuple>[\s\dL,]*)\))\s*(?:,|(?=\}))""",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture);

    /// <summary>Reads the header's text. False if it is anything but the three entries NumPy writes, each once.</summary>
    public static bool TryParse(string text, out NpyHeader header)
    {
        header = new NpyHeader("", false, []);
        text = text.Trim();
        if (!text.StartsWith('{') || !text.EndsWith('}'))
        {
            return false;
        }

        string? type = null;
        bool? fortranOrder = null;
        List<long>? shape = null;
        var at = 1;
        for (Match match; (match = _entry.Match(text, at)).Success; at += match.Length)
        {
            var understood = match.Groups["key"].Value switch
            {
                "descr" when type is null && match.Groups["text"].Success => (type = match.Groups["text"].Value).Length > 0,
                "fortran_order" when fortranOrder is null && match.Groups["bool"].Success => (fortranOrder = match.Groups["bool"].Value == "True").HasValue,
                "shape" when shape is null && match.Groups["tuple"].Success => TryParseTuple(match.Groups["tuple"].Value, out shape),
                _ => false,
            };
            if (!understood)
            {
                return false;
            }
        }

        if (type is null || fortranOrder is null || shape is null || !text.AsSpan(at).Trim().SequenceEqual("}"))
        {
            return false;
        }

        header = new NpyHeader(type, fortranOrder.Value, shape);
        return true;
    }

    private static bool TryParseTuple(string text, out List<long> lengths)
    {
        lengths = [];
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        for (var i = 0; i < parts.Length; i++)
        {
            if (i == parts.Length - 1 && parts[i].Length == 0)
            {
                return true; // (), (3,) and (3, 4,)
            }

            if (!long.TryParse(parts[i].TrimEnd('L'), NumberStyles.None, CultureInfo.InvariantCulture, out var length))
            {
                return false;
            }

            lengths.Add(length);
        }

        return lengths.Count > 1; // (3) is a number, not a shape
    }
}
