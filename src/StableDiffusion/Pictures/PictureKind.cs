namespace StableDiffusion;

/// <summary>The picture formats that are read; the first three are written too.</summary>
internal enum PictureKind
{
    Png,
    Jpeg,
    WebP,
    Bmp,
    Gif,
    Tiff,
}
