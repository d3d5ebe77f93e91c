namespace StableDiffusion;

/// <summary>Pictures side by side, as a contact sheet.</summary>
internal static class PictureGrid
{
    /// <summary>Lays pictures out row by row on white, each in a cell as large as the largest of them.</summary>
    /// <param name="pictures">At least one picture.</param>
    /// <param name="columns">Pictures in a row, at least 1; fewer are used when there are fewer pictures.</param>
    /// <param name="gap">White pixels between cells.</param>
    /// <exception cref="RequestException">There is no picture, or the sheet would be too large.</exception>
    public static RgbImage Arrange(IReadOnlyList<RgbImage> pictures, int columns, int gap)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        if (pictures.Count == 0 || columns < 1 || gap < 0)
        {
            throw new RequestException("a grid needs at least one picture, one column, and a gap of at least 0 pixels.");
        }

        columns = Math.Min(columns, pictures.Count);
        var rows = ((pictures.Count - 1) / columns) + 1;
        var cellWidth = pictures.Max(picture => picture.Width) + (long)gap;
        var cellHeight = pictures.Max(picture => picture.Height) + (long)gap;
        var (width, height) = ((cellWidth * columns) - gap, (cellHeight * rows) - gap);
        if (width * height > PngReader.MaxPixels)
        {
            throw new RequestException($"the grid would be {width}x{height} pixels; lay out fewer or smaller pictures.");
        }

        var sheet = new byte[width * height * 3];
        sheet.AsSpan().Fill(byte.MaxValue);
        for (var i = 0; i < pictures.Count; i++)
        {
            var picture = pictures[i];
            var left = i % columns * cellWidth;
            var top = i / columns * cellHeight;
            for (var y = 0; y < picture.Height; y++)
            {
                picture.Pixels.Span.Slice(y * picture.Width * 3, picture.Width * 3).CopyTo(sheet.AsSpan((int)((((top + y) * width) + left) * 3)));
            }
        }

        return new RgbImage((int)width, (int)height, sheet);
    }
}
