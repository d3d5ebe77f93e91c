namespace StableDiffusion;

/// <summary>A learnt word (textual inversion: Gal et al. 2022, arXiv 2208.01618): one or more vectors that take the place of its tokens.</summary>
/// <param name="Path">A .safetensors file as the webui or diffusers write them.</param>
/// <param name="Word">The word that stands for it in prompts; null for the one in the file, or else the file's name.</param>
public sealed record TextualInversion(string Path, string? Word = null);
