namespace StableDiffusion;

/// <summary>A part of a prompt that fills the text encoder once.</summary>
/// <param name="Ids">Begin token, tokens, end token and padding: as many as the encoder takes.</param>
/// <param name="Multipliers">For each id, by how much its embedding is multiplied (<see cref="Emphasis"/>).</param>
internal sealed record PromptChunk(int[] Ids, float[] Multipliers);
