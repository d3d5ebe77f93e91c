using System.Buffers;

namespace StableDiffusion;

/// <summary>Appends protobuf fields to a growing buffer.</summary>
/// <param name="capacity">Bytes that will be written, about, where that is known.</param>
internal sealed class ProtobufWriter(int capacity = 64)
{
    private const int LongestVarint = 10;
    private readonly ArrayBufferWriter<byte> _buffer = new(capacity);

    public ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    /// <summary>Appends bytes that are fields already.</summary>
    public ProtobufWriter Raw(ReadOnlySpan<byte> encoded)
    {
        _buffer.Write(encoded);
        return this;
    }

    public ProtobufWriter Varint(ulong value)
    {
        var span = _buffer.GetSpan(LongestVarint);
        var length = 0;
        for (; value >= 0x80; value >>= 7)
        {
            span[length++] = (byte)(value | 0x80);
        }

        span[length++] = (byte)value;
        _buffer.Advance(length);
        return this;
    }

    public ProtobufWriter Tag(int number, WireType wire) => Varint(((ulong)number << 3) | (ulong)wire);

    /// <summary>Appends a text, bytes or an embedded message.</summary>
    public ProtobufWriter Field(int number, ReadOnlySpan<byte> payload) =>
        Tag(number, WireType.Length).Varint((ulong)payload.Length).Raw(payload);

    public byte[] ToArray() => Written.ToArray();
}
