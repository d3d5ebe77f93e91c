namespace StableDiffusion;

/// <summary>How a prompt is read that may be longer than the text encoder's limit.</summary>
public enum LongPrompt
{
    /// <summary>As AUTOMATIC1111's webui: in chunks, with weights such as <c>(word:1.2)</c> and <c>[word]</c>, and <c>BREAK</c>.</summary>
    Chunk,

    /// <summary>As diffusers: brackets are plain text, what is too long is cut, and clip skip leaves the negative prompt alone.</summary>
    Truncate,
}
