using System.Text.Json;

namespace StableDiffusion.Tests;

public class ImageProcessorTests
{
    public static TheoryData<string> Fits => [.. ImageResizerTests.Golden.GetProperty("fits").EnumerateArray().Select(static golden => golden.GetRawText())];

    [Theory]
    [MemberData(nameof(Fits))]
    public void Cropped_and_filled_pictures_are_those_of_diffusers(string json)
    {
        var golden = JsonDocument.Parse(json).RootElement;
        var (source, target) = (ImageResizerTests.Size(golden, "source"), ImageResizerTests.Size(golden, "target"));
        var image = new RgbImage(source.Width, source.Height, ImageResizerTests.Formula(source.Width * source.Height * 3));

        var fitted = ImageProcessor.Resize(image, target.Width, target.Height, Enum.Parse<ImageFit>(golden.GetProperty("fit").GetString()!));

        Assert.Equal(golden.GetProperty("sha256").GetString(), ImageResizerTests.Sha256(fitted.Pixels.Span));
        Assert.Equal(golden.GetProperty("gray").GetString(), ImageResizerTests.Sha256(ImageProcessor.Gray(fitted)));
    }

    // numpy: 2.0 * (numpy.array([0, 51, 128, 255], 'u1').astype('f4') / 255.0) - 1.0
    [Fact]
    public void An_initial_picture_becomes_planes_from_minus_one_to_one()
    {
        var chw = ImageProcessor.InitImage(new RgbImage(2, 1, [0, 51, 128, 255, 255, 0]), 2, 1);

        Assert.Equal([-1f, 1f, -0.6f, 1f, 0.003921628f, -1f], chw);
    }

    [Fact]
    public void A_picture_survives_the_way_there_and_back()
    {
        var bytes = ImageResizerTests.Formula(16 * 16 * 3);

        var back = RgbImage.FromChw(ImageProcessor.InitImage(new RgbImage(16, 16, bytes), 16, 16), 16, 16);

        Assert.Equal(bytes, back.Pixels.ToArray());
    }

    [Fact]
    public void A_mask_is_cut_between_127_and_128() =>
        Assert.Equal([0, 0, 1, 1], ImageProcessor.Mask(new RgbImage(4, 1, [0, 0, 0, 127, 127, 127, 128, 128, 128, 255, 255, 255]), 4, 1));

    // torch.nn.functional.interpolate(torch.arange(30.).reshape(1, 1, 5, 6), size=(2, 4)): rows 0 and 2, columns 0, 1, 3 and 4
    [Fact]
    public void A_latent_mask_takes_the_nearest_value_as_torch_does()
    {
        float[] mask = [.. Enumerable.Range(0, 30).Select(static i => (float)i)];

        Assert.Equal([0, 1, 3, 4, 12, 13, 15, 16], ImageProcessor.LatentMask(mask, 6, 5, 4, 2));
    }

    [Fact]
    public void A_masked_picture_is_gray_where_the_mask_is_one() =>
        Assert.Equal([0.5f, 0, -0.25f, 0, 1, 0], ImageProcessor.MaskedImage([0.5f, 0.7f, -0.25f, 0.3f, 1, -1], [0, 1]));

    [Fact]
    public void A_picture_too_thin_to_fit_is_refused_in_words()
    {
        var line = new RgbImage(2000, 1, new byte[6000]);

        var error = Assert.Throws<RequestException>(() => ImageProcessor.Resize(line, 64, 64, ImageFit.Fill));

        Assert.Contains("2000x1", error.Message, StringComparison.Ordinal);
        Assert.Throws<RequestException>(() => ImageProcessor.Resize(new RgbImage(100_000, 1, new byte[300_000]), 2048, 2048, ImageFit.Crop));
    }
}
