using FsCheck;
using FsCheck.Fluent;

namespace StableDiffusion.Tests;

public class ProtobufTests
{
    private static readonly Gen<byte[]> _bytes = ArbMap.Default.GeneratorFor<byte[]>();

    // field numbers as ONNX uses them and beyond, each kind of field
    private static readonly Gen<ProtobufField> _field =
        from number in Gen.Choose(1, 40)
        from integer in ArbMap.Default.GeneratorFor<long>()
        from bytes in _bytes
        from kind in Gen.Choose(0, 3)
        select kind switch
        {
            0 => ProtobufField.Of(number, integer),
            1 => ProtobufField.Of(number, (float)integer),
            2 => ProtobufField.Of(number, bytes),
            _ => Fixed64(number, integer),
        };

    private static readonly Gen<byte[]> _message = _field.ListOf().Select(Join);

    [Fact]
    public void Every_whole_number_comes_back() =>
        Prop.ForAll<long, byte[]>((value, behind) =>
        {
            var written = new ProtobufWriter().Varint((ulong)value).ToArray();
            return ProtobufReader.Varint([.. written, .. behind]) == ((ulong)value, written.Length)
                && ProtobufField.Of(3, value).Integer == value;
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(0, "00")]
    [InlineData(127, "7F")]
    [InlineData(128, "8001")]
    [InlineData(300, "AC02")] // the example of protobuf's encoding guide
    [InlineData(-1, "FFFFFFFFFFFFFFFFFF01")]
    public void Whole_numbers_are_written_as_protobuf_writes_them(long value, string hex) =>
        Assert.Equal(hex, Convert.ToHexString(new ProtobufWriter().Varint((ulong)value).Written));

    [Fact]
    public void A_message_written_unchanged_is_the_same_bytes() =>
        Prop.ForAll(_message.ToArbitrary(), bytes => ProtobufMessage.Parse(bytes).ToBytes().AsSpan().SequenceEqual(bytes))
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Changing_one_field_leaves_the_bytes_of_all_others() =>
        Prop.ForAll(_message.ToArbitrary(), ArbMap.Default.ArbFor<NonEmptyString>(), (bytes, text) =>
        {
            const int number = 7;
            var value = new string([.. text.Get.Where(c => !char.IsSurrogate(c))]) + "!";
            var message = ProtobufMessage.Parse(bytes);
            var others = Others(message);
            message.Replace(number, WireType.Length, [ProtobufField.Of(number, value)]);
            var again = ProtobufMessage.Parse(message.ToBytes());
            return again.Text(number) == value && Others(again).SequenceEqual(others);

            static List<string> Others(ProtobufMessage message) =>
                [.. message.Fields.Where(f => (f.Number, f.Wire) != (number, WireType.Length)).Select(f => Convert.ToHexString(f.Encoded.Span))];
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Repeated_numbers_are_read_packed_or_not() =>
        Prop.ForAll<long[]>(values =>
        {
            var packed = new ProtobufWriter();
            foreach (var value in values)
            {
                packed.Varint((ulong)value);
            }

            var both = Join([.. values.Select(v => ProtobufField.Of(1, v)), ProtobufField.Of(1, packed.Written)]);
            return ProtobufMessage.Parse(both).Integers(1).SequenceEqual(values.Concat(values));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Any_bytes_are_a_message_or_refused() =>
        Prop.ForAll<byte[]>(bytes =>
        {
            try
            {
                return ProtobufMessage.Parse(bytes).ToBytes().AsSpan().SequenceEqual(bytes);
            }
            catch (ModelException)
            {
                return true;
            }
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_message_cut_inside_a_field_is_refused() =>
        Prop.ForAll(_field.ToArbitrary(), field =>
        {
            for (var length = 1; length < field.Encoded.Length; length++)
            {
                Assert.Throws<ModelException>(() => ProtobufMessage.Parse(field.Encoded[..length]));
            }
        }).QuickCheckThrowOnFailure();

    private static ProtobufField Fixed64(int number, long value)
    {
        var tag = new ProtobufWriter().Tag(number, WireType.Fixed64).ToArray();
        return new ProtobufField(number, WireType.Fixed64, (byte[])[.. tag, .. BitConverter.GetBytes(value)], tag.Length);
    }

    private static byte[] Join(IEnumerable<ProtobufField> fields) => [.. fields.SelectMany(f => f.Encoded.ToArray())];
}
