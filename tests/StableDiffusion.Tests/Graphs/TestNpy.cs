using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace StableDiffusion.Tests;

/// <summary>Reads NumPy's .npy files of little-endian float32 in C order, format version 1.</summary>
internal static partial class TestNpy
{
    private const int HeaderLengthAt = 8;

    public static (int[] Shape, float[] Values) Read(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var start = HeaderLengthAt + 2 + BitConverter.ToUInt16(bytes, HeaderLengthAt);
        var header = Encoding.ASCII.GetString(bytes, 0, start);
        Assert.Contains("'<f4'", header, StringComparison.Ordinal);
        Assert.Contains("'fortran_order': False", header, StringComparison.Ordinal);
        var sizes = header[header.IndexOf("'shape'", StringComparison.Ordinal)..];
        var shape = Digits().Matches(sizes).Select(m => int.Parse(m.Value)).ToArray();
        return (shape, MemoryMarshal.Cast<byte, float>(bytes.AsSpan(start)).ToArray());
    }

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Digits();
}
