using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace StableDiffusion.Tests;

public class NpyFileTests
{
    [Fact]
    public void Every_golden_file_is_rewritten_byte_for_byte()
    {
        var files = Directory.GetFiles(Goldens.PathOf("pictures"), "*.npy");
        Assert.NotEmpty(files);

        foreach (var file in files)
        {
            var array = NpyFile.Read(file);
            Assert.Equal(File.ReadAllBytes(file), Written(array));
        }
    }

    [Fact]
    public void What_is_written_reads_back_the_same()
    {
        var arrays =
            from shape in Gen.Choose(0, 5).ListOf().Where(static lengths => lengths.Count < 6)
            from values in Gen.ArrayOf(ArbMap.Default.GeneratorFor<float>(), shape.Aggregate(1, static (product, length) => product * length))
            select new NpyArray(shape, values);
        Prop.ForAll(arrays.ToArbitrary(), static array =>
        {
            var read = NpyFile.Read(Written(array), "a.npy");
            return read.Shape.SequenceEqual(array.Shape)
                && read.Values.Select(BitConverter.SingleToInt32Bits).SequenceEqual(array.Values.Select(BitConverter.SingleToInt32Bits));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void NumPy_writes_the_same_bytes()
    {
        foreach (int[] shape in (int[][])[[], [0], [7], [2, 3], [0, 3], [123456, 1], [1, 4, 8, 8], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]])
        {
            var values = Enumerable.Range(0, shape.Aggregate(1, static (product, length) => product * length)).Select(static i => (float)i).ToArray();
            var saved = Pillow.Run(
                "import sys, io, hashlib, numpy as n; f = io.BytesIO(); s = eval(sys.argv[1]); "
                + "n.save(f, n.arange(int(n.prod(s)), dtype='f4').reshape(s)); print(hashlib.sha256(f.getvalue()).hexdigest())",
                $"[{string.Join(',', shape)}]");

            Assert.Equal(saved, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Written(new NpyArray(shape, values)))));
        }
    }

    // numpy.arange(6).reshape(2, 3) as other types, orders and header versions
    [Theory]
    [InlineData("a.astype('<f2')")]
    [InlineData("a.astype('>f2')")]
    [InlineData("a.astype('>f4')")]
    [InlineData("a.astype('<f8')")]
    [InlineData("a.astype('>f8')")]
    [InlineData("numpy.asfortranarray(a.astype('<f4'))")]
    [InlineData("a.astype('<f4')", 2)]
    [InlineData("a.astype('<f4')", 3)]
    public void Other_types_orders_and_versions_are_read(string array, int version = 1)
    {
        var file = Pillow.Run(
            "import sys, io, numpy; a = numpy.arange(6).reshape(2, 3); f = io.BytesIO(); "
            + "numpy.lib.format.write_array(f, eval(sys.argv[1]), (int(sys.argv[2]), 0)); print(f.getvalue().hex())",
            array,
            $"{version}");

        var read = NpyFile.Read(Convert.FromHexString(file), "a.npy");

        Assert.Equal([2, 3], read.Shape);
        Assert.Equal([0, 1, 2, 3, 4, 5], read.Values);
    }

    [Theory]
    [InlineData("{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }", "astype('float32')")]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "astype('float32')")]
    [InlineData("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,), }", "cannot be understood")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (3), }", "cannot be understood")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "cannot be understood")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, }", "cannot be understood")]
    [InlineData("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "cannot be understood")]
    [InlineData("nonsense", "cannot be understood")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999, 9999999999), }", "takes")]
    [InlineData("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", "takes 16")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "takes 4")]
    public void A_header_that_does_not_fit_is_said_in_one_line(string header, string says)
    {
        byte[] file = [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. Encoding.Latin1.GetBytes(header), 0, 0, 0, 0, 0, 0, 0, 0];

        var error = Assert.Throws<RequestException>(() => NpyFile.Read(file, "my latents.npy"));

        Assert.StartsWith("'my latents.npy' ", error.Message, StringComparison.Ordinal);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(error.Message, char.IsControl);
    }

    [Theory]
    [InlineData("{\"shape\": (2L, 1L), 'fortran_order':False,'descr':'<f4'}")]
    [InlineData("  { 'descr' : '<f4' , 'shape' : ( 2 , ) , 'fortran_order' : True }  \n")]
    public void Any_spelling_of_the_header_is_understood(string header)
    {
        byte[] file = [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. Encoding.Latin1.GetBytes(header), 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40];

        Assert.Equal([1, 2], NpyFile.Read(file, "a.npy").Values);
    }

    [Fact]
    public void Damaged_files_are_read_or_refused_and_nothing_else()
    {
        var whole = Written(new NpyArray([2, 3], [1, 2, 3, 4, 5, 6]));
        for (var length = 0; length < whole.Length; length++)
        {
            Assert.Throws<RequestException>(() => NpyFile.Read(whole.AsSpan(0, length), "a.npy"));
        }

        Prop.ForAll(Damage.Of(whole).ToArbitrary(), static file => Damage.ReadsOrRefuses(() => NpyFile.Read(file, "a.npy"))).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_missing_file_and_a_folder_are_said()
    {
        using var folder = new TemporaryFolder();

        Assert.Contains("does not exist", Assert.Throws<RequestException>(() => NpyFile.Read(folder.PathOf("a.npy"))).Message, StringComparison.Ordinal);
        Assert.Contains("is a folder", Assert.Throws<RequestException>(() => NpyFile.Read(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_shape_that_does_not_fit_the_values_is_refused() =>
        Assert.Throws<ArgumentException>(static () => NpyFile.Write(new MemoryStream(), [2, 2], new float[3]));

    private static byte[] Written(NpyArray array)
    {
        var stream = new MemoryStream();
        NpyFile.Write(stream, [.. array.Shape], array.Values);
        return stream.ToArray();
    }
}
