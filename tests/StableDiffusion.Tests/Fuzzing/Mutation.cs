using System.Text;

namespace StableDiffusion.Tests;

/// <summary>Broken copies of good files: bytes, pieces, and values that programs trip over.</summary>
internal sealed class Mutation(Random random)
{
    /// <summary>Values that stand in for another where the file is a text.</summary>
    private static readonly string[] _values =
    [
        "null", "true", "True", "None", "NaN", "Infinity", "-Infinity", "0", "-1", "-0", "1", "2", "3", "1.5", "5.0", "65536", "1000001", "2147483647", "2147483648", "-2147483648",
        "4294967296", "9223372036854775807", "18446744073709551615", "1e-300", "1e38", "1e39", "1e300", "1e999", "-1e999", "00", "1e", "0x10", "\"\"", "\"a\"", "\"\\ud800\"", "\"\\u0000\"",
        "\"-Infinity\"", "\"True\"", "[]", "[null]", "[1]", "[1,2]", "[-1,0]", "[[]]", "{}", "{\"a\":1}", "{\"content\":\"\"}", "[[[[[[[[[[[[[[[[", "\"", "'", ",", ";", "\t", "\n", "\r\n", ":", "}", "]",
        "(", "((", ")", "[", "\\", "BREAK", ":1.2)", ":-1)", "<lora:a:1>", "<|endoftext|>", "{a|b}", "{2$$a|b}", "--seed", "--prompt", "@", "#", "\uFEFF", "\u2028", "\u0301", "\U0001F680", "e\u0323\u0302",
    ];

    private static readonly int[] _numbers = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, unchecked((int)0x80000000), -1, -2];

    /// <summary>A copy with one to six changes; some with a piece of another file of the format.</summary>
    public byte[] Of(IReadOnlyList<byte[]> seeds)
    {
        var file = seeds[random.Next(seeds.Count)];
        for (var changes = random.Next(1, 7); changes > 0; changes--)
        {
            file = Change(file, seeds[random.Next(seeds.Count)]);
        }

        return file;
    }

    private byte[] Change(byte[] file, byte[] other)
    {
        var at = Place(file);
        switch (random.Next(12))
        {
            case 0:
                return Replace(file, at, 1, [(byte)random.Next(256)]);
            case 1:
                return Replace(file, at, 0, [(byte)random.Next(256)]);
            case 2:
                return Replace(file, at, random.Next(1, 9), []);
            case 3:
                return file[..at];
            case 4:
                return Replace(file, at, 0, Piece(file));
            case 5:
                return Replace(file, at, random.Next(65), Piece(other));
            case 6:
                return Replace(file, at, 4, Number());
            case 7:
                return Flip(file, at);
            case 8:
                return Replace(file, at, 0, [.. Enumerable.Repeat(file.Length > 0 ? file[Math.Min(at, file.Length - 1)] : (byte)'(', 1 << random.Next(13))]);
            default:
                var (start, length) = Word(file, at);
                return Replace(file, start, random.Next(4) == 0 ? 0 : length, Encoding.UTF8.GetBytes(_values[random.Next(_values.Length)]));
        }
    }

    /// <summary>Half of all places lie among the first hundred bytes, where formats have their headers.</summary>
    private int Place(byte[] file) => random.Next(Math.Max(1, random.Next(2) == 0 ? Math.Min(100, file.Length) : file.Length)) is var at && at < file.Length ? at : 0;

    private byte[] Piece(byte[] file)
    {
        var start = Place(file);
        return file[start..Math.Min(file.Length, start + random.Next(1, 257))];
    }

    private byte[] Number()
    {
        var bytes = BitConverter.GetBytes(_numbers[random.Next(_numbers.Length)]);
        if (random.Next(2) == 0)
        {
            Array.Reverse(bytes);
        }

        return bytes;
    }

    private byte[] Flip(byte[] file, int at)
    {
        var copy = file.ToArray();
        if (copy.Length > 0)
        {
            copy[at] ^= (byte)(1 << random.Next(8));
        }

        return copy;
    }

    /// <summary>The number, word or text at a place.</summary>
    private static (int Start, int Length) Word(byte[] file, int at)
    {
        static bool Ends(byte value) => value is (byte)' ' or (byte)'\n' or (byte)',' or (byte)':' or (byte)'[' or (byte)']' or (byte)'{' or (byte)'}' or (byte)'(' or (byte)')';
        var (start, end) = (at, at);
        while (start > 0 && at - start < 64 && !Ends(file[start - 1]))
        {
            start--;
        }

        while (end < file.Length && end - at < 64 && !Ends(file[end]))
        {
            end++;
        }

        return (start, end - start);
    }

    private static byte[] Replace(byte[] file, int at, int length, ReadOnlySpan<byte> by)
    {
        var end = Math.Min(file.Length, at + length);
        return [.. file.AsSpan(0, at), .. by, .. file.AsSpan(end)];
    }
}
