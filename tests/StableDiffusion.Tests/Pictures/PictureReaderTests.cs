using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;

namespace StableDiffusion.Tests;

public class PictureReaderTests
{
    // ImageSharp computes a JPEG's cosine transform in float32, libjpeg-turbo in integers: a level or two, which colour conversion makes three.
    private const int JpegTolerance = 3;

    public static TheoryData<string> Names => [.. ForeignGolden.Names];

    public static TheoryData<string> RefusedNames => [.. ForeignGolden.RefusedNames];

    public static TheoryData<string> Kinds =>
        [nameof(PictureKind.Jpeg), nameof(PictureKind.WebP), nameof(PictureKind.Bmp), nameof(PictureKind.Gif), nameof(PictureKind.Tiff)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_format_gives_the_pixels_that_Pillow_sees(string name)
    {
        var expected = ForeignGolden.PictureOf(name);

        var read = PictureReader.Read(ForeignGolden.FileOf(name), name);

        Assert.Equal((expected.Width, expected.Height), (read.Width, read.Height));
        var differences = expected.Pixels.ToArray().Zip(read.Pixels.ToArray(), static (one, other) => Math.Abs(one - other)).ToList();
        var isJpeg = name.Contains("jpg", StringComparison.Ordinal) || name == "jpeg.tif";
        Assert.InRange(differences.Max(), 0, isJpeg ? JpegTolerance : 0);
        Assert.InRange(differences.Average(), 0, 0.15);
    }

    /// <summary>Files written by ImageSharp.</summary>
    [Theory]
    [InlineData("png", 0, true)]
    [InlineData("webp", 0, true)]
    [InlineData("gif", 0, true)]
    [InlineData("png", 255, false)]
    [InlineData("webp", 255, false)]
    public void Transparency_of_a_picture_to_start_from_is_said_and_a_mask_that_is_all_transparency_refused(string format, byte alpha, bool isSaid)
    {
        using var folder = new TemporaryFolder();
        var path = folder.PathOf("picture." + format);
        using (var image = new SixLabors.ImageSharp.Image<SixLabors.ImageSharp.PixelFormats.Rgba32>(8, 8, new(0, 0, 0, 255)))
        {
            image[3, 4] = new(0, 0, 0, alpha);
            if (format == "webp")
            {
                SixLabors.ImageSharp.ImageExtensions.SaveAsWebp(image, path, new() { FileFormat = SixLabors.ImageSharp.Formats.Webp.WebpFileFormatType.Lossless });
            }
            else
            {
                SixLabors.ImageSharp.ImageExtensions.Save(image, path);
            }
        }

        var notes = new List<string>();
        PictureReader.ReadInit(path, notes);

        Assert.Equal(isSaid ? [$"{path} is transparent in places, where the colours that lie beneath are used, often black; lay it on a background first."] : [], notes);
        if (isSaid)
        {
            Assert.Contains("holds its shape in the alpha channel", Assert.Throws<RequestException>(() => PictureReader.ReadMask(path)).Message, StringComparison.Ordinal);
        }
        else
        {
            PictureReader.ReadMask(path);
        }
    }

    [Theory]
    [MemberData(nameof(RefusedNames))]
    public void A_kind_that_is_not_read_rightly_is_refused_by_name(string name)
    {
        var error = Assert.Throws<RequestException>(() => PictureReader.Read(ForeignGolden.FileOf(name), name));

        Assert.Matches($"^{name} is a (TIFF|WebP) file .*; save it again as PNG\\.$", error.Message);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_file_cut_anywhere_in_its_first_picture_is_refused(string name)
    {
        var file = ForeignGolden.FileOf(name);
        var end = name switch
        {
            "moving.gif" => file.Length / 3, // two pictures
            _ when name.EndsWith(".gif", StringComparison.Ordinal) => file.Length - 1, // the last byte says that no picture follows
            _ => file.Length,
        };
        for (var length = 0; length < end; length += Math.Max(1, (end - 1 - length) / 40))
        {
            Assert.Throws<RequestException>(() => PictureReader.Read(file[..length], name));
        }
    }

    [Fact]
    public void A_format_is_told_by_the_content_and_not_by_the_name()
    {
        var png = PngWriterTests.Png(PngWriterTests.Waves(5, 4));

        Assert.Equal(PngWriterTests.Waves(5, 4).Pixels.ToArray(), PictureReader.Read(png, "picture.jpg").Pixels.ToArray());
    }

    [Fact]
    public void Sizes_that_a_file_cannot_hold_are_refused_before_memory_is_taken()
    {
        var jpeg = ForeignGolden.FileOf("icons-444.jpg");
        var frame = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC0]);
        BinaryPrimitives.WriteUInt16BigEndian(jpeg.AsSpan(frame + 5), 6000);
        BinaryPrimitives.WriteUInt16BigEndian(jpeg.AsSpan(frame + 7), 6000);
        var gif = ForeignGolden.FileOf("icons.gif");
        BinaryPrimitives.WriteUInt16LittleEndian(gif.AsSpan(6), 60000);
        BinaryPrimitives.WriteUInt16LittleEndian(gif.AsSpan(8), 60000);
        var bmp = ForeignGolden.FileOf("icons.bmp");
        BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(18), 100_000);
        BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(22), 100_000);

        var tiff = ForeignGolden.FileOf("gray-16.tif");
        BinaryPrimitives.WriteInt32LittleEndian(tiff.AsSpan(18), 5000);
        BinaryPrimitives.WriteInt32LittleEndian(tiff.AsSpan(30), 4000);

        Refused("too little data for its size", jpeg);
        Refused("has 5000x4000 pixels, and at most 18 million are read", tiff);
        Refused("has 60000x60000 pixels, and at most 50 million are read", gif);
        Refused("is cut short", bmp);

        static void Refused(string says, byte[] file)
        {
            var before = Environment.WorkingSet;
            Assert.Contains(says, Assert.Throws<RequestException>(() => PictureReader.Read(file, "a")).Message, StringComparison.Ordinal);
            Assert.InRange(Environment.WorkingSet - before, long.MinValue, 100 << 20);
        }
    }

    // Set STABLEDIFFUSION_FUZZ=20000 for the long run, which also holds the memory of the whole process to 500 MB; run it alone.
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Damaged_files_are_read_or_refused_in_good_time_and_little_memory(string format)
    {
        var kind = Enum.Parse<PictureKind>(format);
        var isLong = int.TryParse(Environment.GetEnvironmentVariable("STABLEDIFFUSION_FUZZ"), NumberStyles.None, CultureInfo.InvariantCulture, out var count);
        var files = ForeignGolden.FilesOf(kind);
        var random = new Random((int)kind);
        if (isLong && OperatingSystem.IsLinux())
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            await File.WriteAllTextAsync("/proc/self/clear_refs", "5", TestContext.Current.CancellationToken); // forgets the peak so far
        }

        var read = 0;
        for (var i = 0; i < (isLong ? count : 300); i++)
        {
            var damaged = Damage.Of(files[random.Next(files.Count)], random);
            var task = Task.Run(() => Damage.ReadsOrRefuses(() =>
            {
                PictureReader.Read(damaged, "a");
                return Interlocked.Increment(ref read);
            }));
            var first = await Task.WhenAny(task, Task.Delay(TimeSpan.FromMinutes(5), TestContext.Current.CancellationToken));
            Assert.True(first == task && await task, $"file {i}: {Convert.ToBase64String(damaged)}");
        }

        using var process = Process.GetCurrentProcess();
        TestContext.Current.SendDiagnosticMessage(
            $"{kind}: {read} read, the process took {process.PeakWorkingSet64 >> 20} MB at most");
        if (isLong)
        {
            Assert.InRange(process.PeakWorkingSet64, 0, 500L << 20);
        }
    }
}
