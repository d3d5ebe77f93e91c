namespace StableDiffusion;

/// <summary>What the UNet is told about one text.</summary>
/// <param name="Embeddings">The text encoder's states [tokens, width], row-major.</param>
/// <param name="Tokens">Tokens, a multiple of the model's text length when the text was cut into chunks.</param>
/// <param name="Width">Width of one state (768 for SD 1, 1024 for SD 2, 2048 for SDXL).</param>
/// <param name="Pooled">SDXL: the projected state of the whole text [projection]; otherwise null.</param>
internal sealed record Conditioning(float[] Embeddings, int Tokens, int Width, float[]? Pooled)
{
    /// <summary>The same shape with nothing in it: how SDXL is told that there is no negative prompt.</summary>
    public Conditioning Zeros() => this with
    {
        Embeddings = new float[Embeddings.Length],
        Pooled = Pooled is null ? null : new float[Pooled.Length],
    };
}
