namespace StableDiffusion;

/// <summary>What a PNG file holds.</summary>
/// <param name="Image">The pixels, without their transparency.</param>
/// <param name="Texts">Keywords and texts in the order of the file.</param>
internal sealed record PngPicture(RgbImage Image, IReadOnlyList<KeyValuePair<string, string>> Texts);
