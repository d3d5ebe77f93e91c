using System.Buffers.Binary;

namespace StableDiffusion;

/// <summary>Chunks of WebP files (Google, WebP Container Specification).</summary>
internal static class RiffChunk
{
    /// <summary>A number of 24 bits, the lowest first.</summary>
    public static void Write24(Span<byte> to, int value) => (to[0], to[1], to[2]) = ((byte)value, (byte)(value >> 8), (byte)(value >> 16));

    /// <summary>A chunk with its name and length, filled up to an even length.</summary>
    public static void Write(MemoryStream file, ReadOnlySpan<byte> name, ReadOnlySpan<byte> data)
    {
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, data.Length);
        file.Write(name);
        file.Write(length);
        file.Write(data);
        if (data.Length % 2 == 1)
        {
            file.WriteByte(0);
        }
    }
}
