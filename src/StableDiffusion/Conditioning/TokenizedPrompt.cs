namespace StableDiffusion;

/// <summary>A prompt cut or padded to the length that a text encoder takes.</summary>
/// <param name="Ids">Begin token, the prompt, end token, padding: as many as the encoder takes.</param>
/// <param name="DroppedText">The end of the prompt that found no room, as it was written; empty when all of it did.</param>
internal sealed record TokenizedPrompt(int[] Ids, string DroppedText);
