using FsCheck;
using FsCheck.Fluent;

namespace StableDiffusion.Tests;

public class PngFiltersTests
{
    [Fact]
    public void Vectors_and_single_bytes_give_the_same_residuals_and_sums()
    {
        // Few values make the ties and equal signs that the Paeth filter decides by.
        var bytes = Gen.OneOf(ArbMap.Default.GeneratorFor<byte>(), Gen.Elements<byte>(0, 1, 2, 127, 128, 129, 254, 255));
        var rows =
            from length in Gen.Choose(1, 200)
            from row in Gen.ArrayOf(bytes, length + 3)
            from above in Gen.ArrayOf(bytes, length + 3)
            from filter in Gen.Choose(0, PngFilters.Count - 1)
            select (filter, row, above);
        Prop.ForAll(rows.ToArbitrary(), static given =>
        {
            var (filter, row, above) = given;
            var residuals = new byte[row.Length - 3];
            var sum = PngFilters.Apply(filter, row, above, 3, residuals);

            byte[] expected = [.. Enumerable.Range(0, residuals.Length).Select(i => (byte)(row[i + 3] - PngFilters.Predict(filter, row[i], above[i + 3], above[i])))];
            Assert.Equal(expected, residuals);
            Assert.Equal(expected.Sum(static residual => Math.Abs((int)(sbyte)residual)), sum);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    // The specification's own words for Paeth: the neighbour nearest to a + b - c, in the order left, above, above left.
    [Theory]
    [InlineData(4, 16, 10, 12, 16)] // left and above left equally near
    [InlineData(4, 10, 16, 12, 16)] // above and above left equally near
    [InlineData(4, 10, 20, 15, 15)]
    [InlineData(4, 10, 20, 10, 20)]
    [InlineData(4, 10, 10, 20, 10)]
    [InlineData(4, 10, 30, 20, 20)]
    [InlineData(3, 255, 254, 0, 254)]
    [InlineData(2, 1, 2, 3, 2)]
    [InlineData(1, 1, 2, 3, 1)]
    [InlineData(0, 1, 2, 3, 0)]
    public void A_byte_is_predicted_as_the_specification_says(int filter, byte left, byte above, byte aboveLeft, byte expected) =>
        Assert.Equal(expected, PngFilters.Predict(filter, left, above, aboveLeft));
}
