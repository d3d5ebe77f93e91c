namespace StableDiffusion.Tests;

public class PictureGridTests
{
    [Fact]
    public void Pictures_stand_row_by_row_in_cells_of_the_largest()
    {
        var sheet = PictureGrid.Arrange([Plain(2, 1, 10), Plain(1, 2, 20), Plain(1, 1, 30)], columns: 2, gap: 1);

        Assert.Equal((5, 5), (sheet.Width, sheet.Height));
        Assert.Equal(
            [
                10, 10, 255, 20, 255,
                255, 255, 255, 20, 255,
                255, 255, 255, 255, 255,
                30, 255, 255, 255, 255,
                255, 255, 255, 255, 255,
            ],
            Enumerable.Range(0, 25).Select(i => (int)sheet.Pixels.Span[i * 3]));
    }

    [Fact]
    public void One_picture_is_its_own_sheet()
    {
        var picture = Plain(3, 2, 77);
        var sheet = PictureGrid.Arrange([picture], columns: 6, gap: 4);
        Assert.Equal(0, Differences.Largest(sheet, picture));
    }

    [Fact]
    public void No_picture_is_refused() => Assert.Throws<RequestException>(() => PictureGrid.Arrange([], columns: 1, gap: 0));

    [Fact]
    public void A_sheet_that_no_memory_holds_is_refused()
    {
        var large = Plain(9000, 9000, 1);
        Assert.Throws<RequestException>(() => PictureGrid.Arrange([large, large], columns: 1, gap: 0));
    }

    private static RgbImage Plain(int width, int height, byte level) =>
        new(width, height, Enumerable.Repeat(level, width * height * 3).ToArray());
}
