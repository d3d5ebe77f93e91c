using System.Buffers.Binary;
using System.Text;

namespace StableDiffusion;

/// <summary>One field of a message, with the very bytes it was read from.</summary>
/// <param name="Number">What the field means in its message.</param>
/// <param name="Wire">How the value lies in the bytes.</param>
/// <param name="Encoded">The whole field, tag included.</param>
/// <param name="Start">Where in <paramref name="Encoded"/> the value begins.</param>
internal sealed record ProtobufField(int Number, WireType Wire, ReadOnlyMemory<byte> Encoded, int Start)
{
    private static readonly UTF8Encoding _utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public ReadOnlyMemory<byte> Payload => Encoded[Start..];

    public long Integer => (long)ProtobufReader.Varint(Payload.Span).Value;

    public string Text => Decode(Payload.Span);

    public float Float => BinaryPrimitives.ReadSingleLittleEndian(Payload.Span);

    public static string Decode(ReadOnlySpan<byte> utf8)
    {
        try
        {
            return _utf8.GetString(utf8);
        }
        catch (DecoderFallbackException e)
        {
            throw new ModelException("not an ONNX graph: a name in it is not UTF-8.", e);
        }
    }

    public static ProtobufField Of(int number, string text) => Of(number, Encoding.UTF8.GetBytes(text));

    public static ProtobufField Of(int number, ReadOnlySpan<byte> payload)
    {
        // Copied once: payloads may be a whole graph with LoRAs in it, a hundred megabytes.
        var head = new ProtobufWriter().Tag(number, WireType.Length).Varint((ulong)payload.Length).Written;
        var encoded = new byte[head.Length + payload.Length];
        head.CopyTo(encoded);
        payload.CopyTo(encoded.AsSpan(head.Length));
        return new ProtobufField(number, WireType.Length, encoded, head.Length);
    }

    public static ProtobufField Of(int number, long value)
    {
        var writer = new ProtobufWriter().Tag(number, WireType.Varint);
        var start = writer.Written.Length;
        return new ProtobufField(number, WireType.Varint, writer.Varint((ulong)value).ToArray(), start);
    }

    public static ProtobufField Of(int number, float value)
    {
        var writer = new ProtobufWriter().Tag(number, WireType.Fixed32);
        var start = writer.Written.Length;
        Span<byte> payload = stackalloc byte[sizeof(float)];
        BinaryPrimitives.WriteSingleLittleEndian(payload, value);
        return new ProtobufField(number, WireType.Fixed32, writer.Raw(payload).ToArray(), start);
    }
}
