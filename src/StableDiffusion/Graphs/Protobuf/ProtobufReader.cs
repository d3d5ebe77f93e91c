namespace StableDiffusion;

/// <summary>
/// Walks the fields of one protobuf message without copying anything. Whatever is no protobuf, and a field that runs past the
/// end of its message, is a <see cref="ModelException"/>.
/// </summary>
internal ref struct ProtobufReader
{
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly int _end;
    private int _position;

    public ProtobufReader(ReadOnlySpan<byte> bytes)
        : this(bytes, 0, bytes.Length)
    {
    }

    private ProtobufReader(ReadOnlySpan<byte> bytes, int start, int end)
    {
        _bytes = bytes;
        _position = start;
        _end = end;
    }

    /// <summary>The number of the current field.</summary>
    public int Number { get; private set; }

    public WireType Wire { get; private set; }

    /// <summary>Where the current field begins, its tag included.</summary>
    public int FieldStart { get; private set; }

    /// <summary>Where the value of the current field begins: behind the tag, and behind the length if it has one.</summary>
    public int Start { get; private set; }

    /// <summary>The position just behind the current field.</summary>
    public readonly int End => _position;

    /// <summary>The value of the current field.</summary>
    public readonly ReadOnlySpan<byte> Payload => _bytes[Start.._position];

    /// <summary>The current field, tag and length included.</summary>
    public readonly ReadOnlySpan<byte> Encoded => _bytes[FieldStart.._position];

    /// <summary>The fields of the message that the current field holds; positions still count from the start of the file.</summary>
    public readonly ProtobufReader Inside => new(_bytes, Start, _position);

    /// <summary>All that has not been read yet.</summary>
    public readonly ReadOnlySpan<byte> Rest => _bytes[_position.._end];

    /// <summary>Moves on to the next field; false at the end of the message.</summary>
    public bool Next()
    {
        if (_position == _end)
        {
            return false;
        }

        FieldStart = _position;
        var tag = Varint();
        Number = (int)(tag >> 3);
        Wire = (WireType)(tag & 7);
        if (tag > uint.MaxValue || Number == 0)
        {
            throw Broken("a field without a number");
        }

        var length = Wire == WireType.Length ? Varint() : 0;
        Start = _position;
        switch (Wire)
        {
            case WireType.Varint:
                Varint();
                break;
            case WireType.Fixed64:
                Skip(sizeof(long));
                break;
            case WireType.Length:
                Skip(length);
                break;
            case WireType.Fixed32:
                Skip(sizeof(int));
                break;
            default:
                throw Broken("a kind of field that ONNX does not use");
        }

        return true;
    }

    /// <summary>One varint at the start of <paramref name="bytes"/> and how long it is.</summary>
    public static (ulong Value, int Length) Varint(ReadOnlySpan<byte> bytes)
    {
        var reader = new ProtobufReader(bytes);
        return (reader.Varint(), reader._position);
    }

    private ulong Varint()
    {
        var value = 0UL;
        for (var shift = 0; shift < 70; shift += 7)
        {
            if (_position == _end)
            {
                throw Broken("a number that is cut off");
            }

            var next = _bytes[_position++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw Broken("a number that does not end");
    }

    private void Skip(ulong length)
    {
        if (length > (ulong)(_end - _position))
        {
            throw Broken("a field that is cut off");
        }

        _position += (int)length;
    }

    private readonly ModelException Broken(string what) => new($"not an ONNX graph, or only a part of one: {what} at byte {FieldStart}.");
}
