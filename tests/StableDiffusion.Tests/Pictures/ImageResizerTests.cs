using System.Security.Cryptography;
using System.Text.Json;

namespace StableDiffusion.Tests;

public class ImageResizerTests
{
    internal static JsonElement Golden { get; } = JsonDocument.Parse(
        File.ReadAllText(Path.Combine(Repository.Root, "tests", "StableDiffusion.Tests", "Pictures", "resize-golden.json"))).RootElement;

    public static TheoryData<string> Resizes => [.. Golden.GetProperty("resizes").EnumerateArray().Select(static golden => golden.GetRawText())];

    [Theory]
    [MemberData(nameof(Resizes))]
    public void Every_byte_is_the_one_that_Pillow_computes(string json)
    {
        var golden = JsonDocument.Parse(json).RootElement;
        var (source, target) = (Size(golden, "source"), Size(golden, "target"));
        var channels = golden.GetProperty("channels").GetInt32();
        var filter = Enum.Parse<ResizeFilter>(golden.GetProperty("filter").GetString()!);

        var resized = ImageResizer.Resize(Formula(source.Width * source.Height * channels), source, channels, target, filter, new(0, 0, source.Width, source.Height));

        Assert.Equal(golden.GetProperty("sha256").GetString(), Sha256(resized));
    }

    [Fact]
    public void The_same_size_gives_the_same_picture()
    {
        var image = new RgbImage(5, 4, Formula(60));

        Assert.Equal(image.Pixels.ToArray(), ImageResizer.Resize(image, 5, 4).Pixels.ToArray());
    }

    [Fact]
    public void A_size_that_would_take_the_memory_is_refused()
    {
        var image = new RgbImage(1, 1_000_000, new byte[3_000_000]);

        Assert.Throws<RequestException>(() => ImageResizer.Resize(image, 2048, 2048));
        Assert.Throws<ArgumentOutOfRangeException>(() => ImageResizer.Resize(image, 0, 5));
    }

    internal static (int Width, int Height) Size(JsonElement golden, string name) => (golden.GetProperty(name)[0].GetInt32(), golden.GetProperty(name)[1].GetInt32());

    internal static string Sha256(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>The formula of make_resize_golden.py.</summary>
    internal static byte[] Formula(int length) => [.. Enumerable.Range(0, length).Select(static i => (byte)((((ulong)i * 2654435761) & 0xFFFFFFFF) >> 13))];
}
