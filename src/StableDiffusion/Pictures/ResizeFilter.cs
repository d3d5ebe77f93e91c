namespace StableDiffusion;

/// <summary>The kernels of <see cref="ImageResizer"/>, named as in Pillow.</summary>
internal enum ResizeFilter
{
    /// <summary>Triangle of support 1.</summary>
    Bilinear,

    /// <summary>Keys' cubic with a = -1/2, support 2.</summary>
    Bicubic,

    /// <summary>Sinc windowed by a sinc of three lobes, support 3; diffusers' choice.</summary>
    Lanczos,
}
