using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;

namespace StableDiffusion.Tests;

public class PngReaderTests
{
    private static readonly JsonElement _golden = JsonDocument.Parse(
        File.ReadAllText(Path.Combine(Repository.Root, "tests", "StableDiffusion.Tests", "Pictures", "png-golden.json"))).RootElement;

    public static TheoryData<string> Kinds => [.. _golden.EnumerateArray().Select(static file => file.GetProperty("name").GetString()!)];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_kind_of_png_gives_the_pixels_that_Pillow_sees(string name)
    {
        var golden = Golden(name);

        var read = PngReader.Read(golden.GetProperty("png").GetBytesFromBase64(), name);

        Assert.Equal(golden.GetProperty("rgb").GetBytesFromBase64(), read.Image.Pixels.ToArray());
    }

    [Fact]
    public void What_is_written_reads_back_the_same()
    {
        var texts = ArbMap.Default.GeneratorFor<string>().Where(static text => text is not null && IsUnicode(text) && !text.Contains('\0', StringComparison.Ordinal));
        var pictures =
            from width in Gen.Choose(1, 40)
            from height in Gen.Choose(1, 40)
            from pixels in Gen.ArrayOf(ArbMap.Default.GeneratorFor<byte>(), width * height * 3)
            from first in texts
            from second in texts
            select (Image: new RgbImage(width, height, pixels), Texts: (string[])[first, second + "りんご"]);
        Prop.ForAll(pictures.ToArbitrary(), static given =>
        {
            var file = PngWriterTests.Png(given.Image, ("first", given.Texts[0]), ("a second", given.Texts[1]));
            var read = PngReader.Read(file, "a.png");
            return read.Image.Pixels.Span.SequenceEqual(given.Image.Pixels.Span)
                && read.Image.Width == given.Image.Width
                && read.Texts.SequenceEqual([new("first", given.Texts[0]), new("a second", given.Texts[1])]);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void What_no_png_text_can_hold_becomes_the_replacement_character()
    {
        var read = PngReader.Read(PngWriterTests.Png(PngWriterTests.Waves(1, 1), ("k", "a\0b\uD800c")), "a.png");

        Assert.Equal("a\uFFFDb\uFFFDc", read.Texts[0].Value);
    }

    [Fact]
    public void Every_golden_picture_is_read()
    {
        var files = Directory.GetFiles(Goldens.PathOf("pictures"), "*.png");
        Assert.NotEmpty(files);

        foreach (var file in files)
        {
            Assert.True(PngReader.Read(file).Image.Pixels.Span.ContainsAnyExcept((byte)0), file);
        }
    }

    [Fact]
    public void Every_golden_picture_is_read_as_Pillow_reads_it()
    {
        var files = Directory.GetFiles(Goldens.PathOf("pictures"), "*.png").Order(StringComparer.Ordinal).ToArray();
        var hashes = Pillow.Run(
            "import sys, glob, os, hashlib, PIL.Image as I; "
            + "[print(hashlib.sha256(I.open(f).convert('RGB').tobytes()).hexdigest()) for f in sorted(glob.glob(sys.argv[1] + '/*.png'))]",
            Goldens.PathOf("pictures"));

        Assert.Equal(hashes.Split('\n'), files.Select(static file => Sha256(PngReader.Read(file).Image)));
    }

    [Fact]
    public void Texts_of_all_three_kinds_are_read()
    {
        var latin = Encoding.Latin1.GetBytes("café");
        byte[] itxt = [.. "k3\0\0\0en\0translated\0"u8, .. "りんご"u8];
        byte[] packed = [.. "k4\0\u0001\0\0\0"u8, .. Deflated("りんご 2"u8)];
        var file = Assemble(("tEXt", [.. "k1\0"u8, .. latin]), ("zTXt", [.. "k2\0\0"u8, .. Deflated(latin)]), ("iTXt", itxt), ("iTXt", packed));

        Assert.Equal([new("k1", "café"), new("k2", "café"), new("k3", "りんご"), new("k4", "りんご 2")], PngReader.Read(file, "a.png").Texts);
    }

    [Fact]
    public void Malformed_texts_are_left_out_and_the_picture_is_read()
    {
        byte[] bomb = [.. "k\0\0"u8, .. Deflated(new byte[17 << 20])];
        var file = Assemble(
            ("tEXt", "no end of the keyword"u8.ToArray()), ("tEXt", [0, 65]), ("zTXt", "k\0"u8.ToArray()), ("zTXt", "k\0\u0001x"u8.ToArray()),
            ("zTXt", "k\0\0not deflate"u8.ToArray()), ("zTXt", bomb), ("iTXt", "k\0\0\0"u8.ToArray()), ("iTXt", "k\0\u0002\0\0\0a"u8.ToArray()), ("tEXt", "k\0good"u8.ToArray()));

        Assert.Equal([new("k", "good")], PngReader.Read(file, "a.png").Texts);
    }

    public static TheoryData<string, byte[], string> Others => new()
    {
        { "cat.jpg", [0xFF, 0xD8, 0xFF, 0xE0, 0, 16, 74, 70, 73, 70], "is in JPEG format" },
        { "cat.webp", [.. "RIFF"u8, 1, 2, 3, 4, .. "WEBPVP8 "u8], "is in WebP format" },
        { "cat.avif", [0, 0, 0, 32, .. "ftypavif"u8], "is in AVIF format" },
        { "cat.heic", [0, 0, 0, 32, .. "ftypheic"u8], "is in HEIC format" },
        { "cat.gif", "GIF89a"u8.ToArray(), "is in GIF format" },
        { "cat.bmp", "BM123456"u8.ToArray(), "is in BMP format" },
        { "cat.tif", "II*\0abcd"u8.ToArray(), "is in TIFF format" },
        { "cat.jxl", [0xFF, 0x0A, 1], "is in JPEG XL format" },
        { "cat.png", "hello"u8.ToArray(), "is no picture that is known: it starts with the bytes 68656C6C" },
        { "cat.png", [], "is empty" },
    };

    [Theory]
    [MemberData(nameof(Others))]
    public void A_file_that_is_no_png_is_named_for_what_it_is(string name, byte[] file, string says)
    {
        var error = Assert.Throws<RequestException>(() => PngReader.Read(file, name));

        Assert.StartsWith($"{name} {says}", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(error.Message, char.IsControl);
    }

    [Fact]
    public void A_missing_file_and_a_folder_are_said()
    {
        using var folder = new TemporaryFolder();

        Assert.Contains("does not exist", Assert.Throws<RequestException>(() => PngReader.Read(folder.PathOf("a.png"))).Message, StringComparison.Ordinal);
        Assert.Contains("is a folder", Assert.Throws<RequestException>(() => PngReader.Read(folder.Path)).Message, StringComparison.Ordinal);
        Assert.Contains("does not exist", Assert.Throws<RequestException>(() => PngReader.ReadTexts(folder.PathOf("a.png"))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1_000_000, 1_000_000, 6, "at most 100 million")]
    [InlineData(int.MaxValue, int.MaxValue, 6, "at most 100 million")]
    [InlineData(10_000, 10_000, 6, "too little data")]
    [InlineData(100_000_000, 1, 6, "too little data")]
    [InlineData(0, 1, 6, "header")]
    [InlineData(-1, 1, 6, "header")]
    [InlineData(1, 1, 5, "header")]
    public void A_header_that_cannot_be_true_is_refused_before_memory_is_taken(int width, int height, byte colour, string says)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();

        var error = Assert.Throws<RequestException>(() => PngReader.Read(WithHeader(width, height, colour), "a.png"));

        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void A_wrong_checksum_is_said()
    {
        var file = PngWriterTests.Png(PngWriterTests.Waves(8, 8));
        file[60] ^= 1;

        Assert.Contains("checksum", Assert.Throws<RequestException>(() => PngReader.Read(file, "a.png")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_cut_anywhere_is_refused()
    {
        var file = PngWriterTests.Png(PngWriterTests.Waves(8, 8), ("k", "text"));
        for (var length = 0; length < file.Length; length++)
        {
            Assert.Throws<RequestException>(() => PngReader.Read(file[..length], "a.png"));
        }
    }

    [Theory]
    [InlineData("palette-4-interlaced")]
    [InlineData("rgb-16")]
    [InlineData("gray-alpha-8-interlaced")]
    [InlineData("transparent-palette")]
    public void Damaged_files_are_read_or_refused_and_nothing_else(string name)
    {
        var file = Golden(name).GetProperty("png").GetBytesFromBase64();
        var damaged = Gen.OneOf(Damage.Of(file), Damage.Of(file).Select(RepairChecksums));
        Prop.ForAll(damaged.ToArbitrary(), static bytes => Damage.ReadsOrRefuses(() => PngReader.Read(bytes, "a.png")))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Fact]
    public void Pixels_that_ask_for_a_preset_dictionary_are_refused()
    {
        // RFC 1950: bit 5 of the second byte. 0x7820 is divisible by 31, so the header itself is valid.
        var file = PngWriterTests.Png(PngWriterTests.Waves(8, 8));
        var data = file.AsSpan().IndexOf("IDAT"u8) + 4;
        file[data] = 0x78;
        file[data + 1] = 0x20;

        var error = Assert.Throws<RequestException>(() => PngReader.Read(RepairChecksums(file), "a.png"));
        Assert.Contains("cannot be decompressed", error.Message, StringComparison.Ordinal);
    }

    private static JsonElement Golden(string name) => _golden.EnumerateArray().Single(file => file.GetProperty("name").ValueEquals(name));

    private static string Sha256(RgbImage image) => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(image.Pixels.Span));

    private static bool IsUnicode(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)) == text;

    private static byte[] WithHeader(int width, int height, byte colour)
    {
        var file = PngWriterTests.Png(PngWriterTests.Waves(1, 1));
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(16), width);
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(20), height);
        file[25] = colour;
        return RepairChecksums(file);
    }

    /// <summary>A 1x1 picture with more chunks after its header.</summary>
    private static byte[] Assemble(params (string Type, byte[] Data)[] chunks)
    {
        var picture = PngWriterTests.Png(PngWriterTests.Waves(1, 1));
        var stream = new MemoryStream();
        stream.Write(picture.AsSpan(0, 33));
        foreach (var (type, data) in chunks)
        {
            PngFormat.WriteUInt32(stream, (uint)data.Length);
            stream.Write(Encoding.Latin1.GetBytes(type));
            stream.Write(data);
            PngFormat.WriteUInt32(stream, PngFormat.Crc(Encoding.Latin1.GetBytes(type), data));
        }

        stream.Write(picture.AsSpan(33));
        return stream.ToArray();
    }

    private static byte[] Deflated(ReadOnlySpan<byte> bytes)
    {
        var stream = new MemoryStream();
        using (var deflate = new ZLibStream(stream, CompressionLevel.Optimal))
        {
            deflate.Write(bytes);
        }

        return stream.ToArray();
    }

    /// <summary>Makes the checksums fit again as far as the chunks can be followed, so that damage reaches what lies behind them.</summary>
    private static byte[] RepairChecksums(byte[] file)
    {
        var repaired = file.ToArray();
        for (long at = 8, length; at + 12 <= repaired.Length; at += length + 12)
        {
            length = BinaryPrimitives.ReadUInt32BigEndian(repaired.AsSpan((int)at));
            if (at + 12 + length > repaired.Length)
            {
                break;
            }

            var data = repaired.AsSpan((int)at + 8, (int)length);
            BinaryPrimitives.WriteUInt32BigEndian(repaired.AsSpan((int)(at + 8 + length)), PngFormat.Crc(repaired.AsSpan((int)at + 4, 4), data));
        }

        return repaired;
    }
}
