using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace StableDiffusion;

/// <summary>
/// SentencePiece's precompiled normalisation (<c>precompiled_charsmap</c>): a double-array trie from character sequences to what stands for
/// them, applied grapheme by grapheme as Hugging Face's <c>tokenizers</c> (spm_precompiled) does.
/// </summary>
internal sealed class CharacterMap
{
    /// <summary>Graphemes of more bytes are only looked up character by character.</summary>
    private const int LongestGrapheme = 5;

    private readonly uint[] _units;
    private readonly byte[] _replacements;

    /// <exception cref="FormatException">The bytes are no such map.</exception>
    public CharacterMap(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < sizeof(uint) || BinaryPrimitives.ReadUInt32LittleEndian(bytes) is var size && (size % 4 != 0 || size > bytes.Length - 4))
        {
            throw new FormatException("the precompiled character map is cut off");
        }

        _units = new uint[size / 4];
        for (var i = 0; i < _units.Length; i++)
        {
            _units[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(4 + (4 * i))..]);
        }

        _replacements = bytes[(4 + (int)size)..].ToArray();
    }

    /// <summary>The text with everything replaced that the map knows.</summary>
    public string Apply(string text)
    {
        var result = new StringBuilder(text.Length);
        var graphemes = StringInfo.GetTextElementEnumerator(text);
        while (graphemes.MoveNext())
        {
            var grapheme = graphemes.GetTextElement();
            if (Encoding.UTF8.GetByteCount(grapheme) <= LongestGrapheme && Find(grapheme) is { } whole)
            {
                result.Append(whole);
                continue;
            }

            foreach (var rune in grapheme.EnumerateRunes())
            {
                var character = rune.ToString();
                result.Append(Find(character) ?? character);
            }
        }

        return result.ToString();
    }

    /// <summary>What stands for the shortest sequence at the start of the text that the map knows; null for none.</summary>
    private string? Find(string text)
    {
        if (_units.Length == 0)
        {
            return null;
        }

        var place = Offset(_units[0]);
        foreach (var value in Encoding.UTF8.GetBytes(text))
        {
            place ^= value;
            if (value == 0 || place >= _units.Length || (_units[place] & 0x800000FF) != value)
            {
                return null;
            }

            var unit = _units[place];
            place ^= Offset(unit);
            if ((unit & 0x100) != 0 && place < _units.Length)
            {
                return Replacement((int)(_units[place] & 0x7FFFFFFF));
            }
        }

        return null;
    }

    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & 0x200) >> 6);

    private string? Replacement(int start)
    {
        if (start >= _replacements.Length)
        {
            return null;
        }

        var rest = _replacements.AsSpan(start);
        var end = rest.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? rest : rest[..end]);
    }
}
