using System.Text;
using System.Text.Json;

namespace StableDiffusion.Cli;

/// <summary>What the ids of a CLIP tokenizer stand for, from its <c>vocab.json</c>.</summary>
internal sealed class TokenNames
{
    private const string EndOfWord = "</w>";

    private readonly Dictionary<int, string> _names;

    private TokenNames(Dictionary<int, string> names) => _names = names;

    /// <summary>Reads a tokenizer's folder; null where it has no such file.</summary>
    public static TokenNames? Read(string folder)
    {
        var path = Path.Combine(folder, "vocab.json");
        if (!File.Exists(path))
        {
            return null;
        }

        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        return new TokenNames(document.RootElement.EnumerateObject().GroupBy(entry => entry.Value.GetInt32()).ToDictionary(group => group.Key, group => group.First().Name));
    }

    /// <summary>The token's text, with its bytes as characters where they are whole ones.</summary>
    public string TextOf(int id) => _names.TryGetValue(id, out var name) ? Encoding.UTF8.GetString([.. Bytes(WithoutEnd(name))]) : $"#{id}";

    /// <summary>Whether a word ends with the token.</summary>
    public bool EndsWord(int id) => _names.GetValueOrDefault(id)?.EndsWith(EndOfWord, StringComparison.Ordinal) == true;

    /// <summary>The token's bytes in hexadecimal.</summary>
    public string BytesOf(int id) => _names.TryGetValue(id, out var name) && !name.StartsWith("<|", StringComparison.Ordinal)
        ? string.Join(' ', Bytes(WithoutEnd(name)).Select(value => value.ToString("x2", System.Globalization.CultureInfo.InvariantCulture)))
        : "";

    private static string WithoutEnd(string name) => name.EndsWith(EndOfWord, StringComparison.Ordinal) ? name[..^EndOfWord.Length] : name;

    /// <summary>Byte-level BPE writes each byte as a printable character: Radford et al. (2019), encoder.py, <c>bytes_to_unicode</c>.</summary>
    private static IEnumerable<byte> Bytes(string name)
    {
        foreach (var c in name)
        {
            yield return c is >= '!' and <= '~' or >= '¡' and <= '¬' or >= '®' and <= 'ÿ'
                ? (byte)c
                : (byte)(c - 256) is var n && n < 33 ? n : n < 67 ? (byte)(n + 94) : (byte)173;
        }
    }
}
