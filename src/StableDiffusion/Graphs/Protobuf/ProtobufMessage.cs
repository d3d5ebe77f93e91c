namespace StableDiffusion;

/// <summary>
/// A message as the list of its fields in file order. Fields nobody asks for are carried along byte for byte, and a field
/// whose wire type is not the expected one counts as unknown, as in every protobuf library.
/// </summary>
internal sealed class ProtobufMessage
{
    private readonly List<ProtobufField> _fields = [];

    public static ProtobufMessage Parse(ReadOnlyMemory<byte> bytes)
    {
        var message = new ProtobufMessage();
        var reader = new ProtobufReader(bytes.Span);
        while (reader.Next())
        {
            message._fields.Add(new ProtobufField(
                reader.Number, reader.Wire, bytes[reader.FieldStart..reader.End], reader.Start - reader.FieldStart));
        }

        return message;
    }

    public IEnumerable<ProtobufField> Fields => _fields;

    public IEnumerable<ProtobufField> All(int number, WireType wire = WireType.Length) =>
        _fields.Where(f => f.Number == number && f.Wire == wire);

    public bool Has(int number) => _fields.Exists(f => f.Number == number);

    /// <summary>The field that counts, the last one, where a message holds the same single field twice.</summary>
    public ProtobufField? Last(int number, WireType wire = WireType.Length) => _fields.FindLast(f => f.Number == number && f.Wire == wire);

    public string Text(int number) => Last(number)?.Text ?? "";

    public IEnumerable<string> Texts(int number) => All(number).Select(f => f.Text);

    public long Integer(int number) => Last(number, WireType.Varint)?.Integer ?? 0;

    /// <summary>A repeated whole number, whether packed into one field or not.</summary>
    public List<long> Integers(int number)
    {
        var values = new List<long>();
        foreach (var field in _fields.Where(f => f.Number == number && f.Wire is WireType.Varint or WireType.Length))
        {
            for (var rest = field.Payload.Span; rest.Length > 0;)
            {
                var (value, length) = ProtobufReader.Varint(rest);
                values.Add((long)value);
                rest = rest[length..];
            }
        }

        return values;
    }

    /// <summary>The bytes of a repeated number of fixed width, whether packed into one field or not.</summary>
    public byte[] Fixed(int number, WireType unpacked) =>
        [.. _fields.Where(f => f.Number == number && (f.Wire == WireType.Length || f.Wire == unpacked))
            .SelectMany(f => f.Payload.ToArray())];

    public void Set(int number, string text)
    {
        if (Text(number) != text)
        {
            Replace(number, WireType.Length, [ProtobufField.Of(number, text)]);
        }
    }

    public void Set(int number, IReadOnlyList<string> texts)
    {
        if (!Texts(number).SequenceEqual(texts))
        {
            Replace(number, WireType.Length, [.. texts.Select(t => ProtobufField.Of(number, t))]);
        }
    }

    /// <summary>Puts new fields where the old ones of that number began, or else where the order of numbers puts them.</summary>
    public void Replace(int number, WireType wire, IReadOnlyList<ProtobufField> fields)
    {
        var at = _fields.FindIndex(f => f.Number == number && f.Wire == wire);
        if (at < 0)
        {
            at = _fields.FindIndex(f => f.Number > number);
        }

        _fields.RemoveAll(f => f.Number == number && f.Wire == wire);
        _fields.InsertRange(at < 0 ? _fields.Count : at, fields);
    }

    public byte[] ToBytes()
    {
        var bytes = new byte[_fields.Sum(f => f.Encoded.Length)];
        var rest = bytes.AsSpan();
        foreach (var field in _fields)
        {
            field.Encoded.Span.CopyTo(rest);
            rest = rest[field.Encoded.Length..];
        }

        return bytes;
    }
}
