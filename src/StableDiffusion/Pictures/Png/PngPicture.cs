namespace StableDiffusion;

/// <summary>What a PNG file holds.</summary>
/// <param name="Image">The pixels, without their transparency.</param>
/// <param name="Texts">Keywords and texts in the order of the file.</param>
internal sealed record PngPicture(RgbImage Image, IReadOnlyList<KeyValuePair<string, string>> Texts)
{
    /// <summary>The least and the greatest opacity of its pixels, which the image does without.</summary>
    public (byte Least, byte Most) Alpha { get; init; } = (255, 255);
}
