using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;

namespace StableDiffusion.Tests;

public sealed class SafeTensorsFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>1.5 and −2 in each type: IEEE 754; bfloat16 is the upper half of float32.</summary>
    [Theory]
    [InlineData("F32", new byte[] { 0, 0, 0xC0, 0x3F, 0, 0, 0, 0xC0 })]
    [InlineData("F16", new byte[] { 0, 0x3E, 0, 0xC0 })]
    [InlineData("BF16", new byte[] { 0xC0, 0x3F, 0, 0xC0 })]
    [InlineData("F64", new byte[] { 0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 0, 0, 0, 0, 0, 0, 0, 0xC0 })]
    public void Values_of_every_floating_type_are_read(string type, byte[] data)
    {
        var file = Open(SafeTensors.Of(new JsonObject { ["a"] = SafeTensors.Entry(type, [2], 0, data.Length) }.ToJsonString(), data));

        Assert.Equal([1.5f, -2f], file.ReadFloats("a"));
        Assert.Equal([2], file.ShapeOf("a"));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Numbers_that_are_not_finite_are_refused_by_their_tensors_name(float value)
    {
        var file = Open(SafeTensors.Of(metadata: null, ("down.weight", [2], [1, value])));

        Assert.Contains("'down.weight' holds numbers that are not finite", Assert.Throws<RequestException>(() => file.ReadFloats("down.weight")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_LoRA_that_has_a_part_of_a_module_twice_is_refused()
    {
        var path = _folder.PathOf("twice.safetensors");
        File.WriteAllBytes(path, SafeTensors.Of(
            metadata: null, ("unet.a.lora_A.weight", [1, 1], [1]), ("unet.a.lora_B.weight", [1, 1], [1]), ("unet.a.lora_B.default.weight", [1, 1], [2])));

        Assert.Contains("are the same part of the change of a", Assert.Throws<RequestException>(() => LoraFile.Open(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_single_number_and_the_writers_texts_are_read()
    {
        var file = Open(SafeTensors.Of(new Dictionary<string, string> { ["format"] = "pt" }, ("alpha", [], [4])));

        Assert.Equal([4f], file.ReadFloats("alpha"));
        Assert.Equal("pt", file.Metadata["format"]);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"a": 1}""")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [1]}}""")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 5]}}""")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}""")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}""")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}""")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}""")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [2147483647, 2147483647, 2147483647], "data_offsets": [0, 4]}}""")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [99999999999], "data_offsets": [0, 4]}}""")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}""")]
    public void A_header_that_lies_is_refused_in_one_line(string header)
    {
        var error = Assert.Throws<RequestException>(() => Open(SafeTensors.Of(header, new byte[4])));

        Assert.Contains("x.safetensors", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(error.Message, char.IsControl);
    }

    [Fact]
    public void A_length_beyond_the_file_is_refused_before_memory_is_taken()
    {
        byte[] claimsMuch = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, (byte)'{', (byte)'}'];

        Assert.Throws<RequestException>(() => Open(claimsMuch));
        Assert.Throws<RequestException>(() => Open([1, 2, 3]));
    }

    [Fact]
    public void Broken_copies_of_a_LoRA_are_read_or_refused_and_nothing_else() => Prop.ForAll(
        Arb.From(Damage.Of(File.ReadAllBytes(LoraGoldens.PathOf("peft-r4.safetensors")))),
        bytes => Damage.ReadsOrRefuses(() =>
        {
            File.WriteAllBytes(_folder.PathOf("x.safetensors"), bytes);
            var lora = LoraFile.Open(_folder.PathOf("x.safetensors"));
            return lora.Modules.Select(lora.Read).ToList();
        })).QuickCheckThrowOnFailure();

    [Fact]
    public void A_file_that_is_not_there_and_a_folder_are_refused()
    {
        Assert.Contains("there is no file", Assert.Throws<RequestException>(() => SafeTensorsFile.Open(_folder.PathOf("none"))).Message, StringComparison.Ordinal);
        Assert.Contains("is a folder", Assert.Throws<RequestException>(() => SafeTensorsFile.Open(_folder.Path)).Message, StringComparison.Ordinal);
    }

    private SafeTensorsFile Open(byte[] bytes)
    {
        File.WriteAllBytes(_folder.PathOf("x.safetensors"), bytes);
        return SafeTensorsFile.Open(_folder.PathOf("x.safetensors"));
    }
}
