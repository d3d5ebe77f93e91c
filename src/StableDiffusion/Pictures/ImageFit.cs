namespace StableDiffusion;

/// <summary>How a picture of other proportions comes to the size asked for: diffusers' <c>resize_mode</c>.</summary>
public enum ImageFit
{
    /// <summary>Both sides are scaled by themselves; proportions change. diffusers calls this <c>default</c>.</summary>
    Stretch,

    /// <summary>Scaled until it covers the size, the excess cut off evenly.</summary>
    Crop,

    /// <summary>Scaled until it fits inside, the rest filled by its outermost rows or columns.</summary>
    Fill,
}
