namespace StableDiffusion.Tests;

public class RgbImageTests
{
    // numpy: (np.clip(x / 2 + 0.5, 0, 1) * 255).round().astype('uint8') of float32 x
    [Theory]
    [InlineData(-1f, 0)]
    [InlineData(-1.5f, 0)]
    [InlineData(1f, 255)]
    [InlineData(float.PositiveInfinity, 255)]
    [InlineData(float.NegativeInfinity, 0)]
    [InlineData(0f, 128)] // 127.5 to the even neighbour
    [InlineData(0.1f, 140)]
    [InlineData(-0.3f, 89)]
    [InlineData(-0.9960785f, 0)] // 0.49999 of a level
    public void A_value_becomes_the_byte_that_numpy_rounds_to(float value, byte expected) =>
        Assert.Equal(expected, RgbImage.FromChw([value, value, value], 1, 1).Pixels.Span[1]);

    [Fact]
    public void Halves_go_to_the_even_byte()
    {
        var half = (126.5f / 255 * 2) - 1;

        Assert.Equal(126, RgbImage.FromChw([half, half, half], 1, 1).Pixels.Span[0]);
    }

    [Fact]
    public void Planes_are_interleaved_row_by_row()
    {
        var image = RgbImage.FromChw([-1, 1, -1, -1, -1, -1, 1, -1, 1, 1, 1, -1], 2, 2);

        Assert.Equal((byte[])[0, 0, 255, 255, 0, 255, 0, 255, 255, 0, 0, 0], image.Pixels.ToArray());
    }

    [Fact]
    public void Not_a_number_is_refused() =>
        Assert.Throws<ArgumentException>(static () => RgbImage.FromChw([0, float.NaN, 0], 1, 1));

    [Fact]
    public void Sizes_that_do_not_fit_the_values_are_refused()
    {
        Assert.Throws<ArgumentException>(static () => new RgbImage(2, 2, new byte[11]));
        Assert.Throws<ArgumentException>(static () => RgbImage.FromChw(new float[13], 2, 2));
        Assert.Throws<ArgumentOutOfRangeException>(static () => new RgbImage(0, 2, []));
        Assert.Throws<ArgumentOutOfRangeException>(static () => new RgbImage(2, -1, []));
        Assert.Throws<ArgumentOutOfRangeException>(static () => new RgbImage(60_000, 60_000, []));
    }

    [Fact]
    public void The_bytes_given_can_change_without_changing_the_picture()
    {
        byte[] bytes = [1, 2, 3];
        var image = new RgbImage(1, 1, bytes);
        bytes[0] = 9;

        Assert.Equal(1, image.Pixels.Span[0]);
    }
}
