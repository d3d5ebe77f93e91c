namespace StableDiffusion;

/// <summary>Where the values of a weight lie outside the graph.</summary>
/// <param name="Location">A file, relative to <see cref="OnnxGraph.Folder"/>.</param>
/// <param name="Offset">In bytes.</param>
/// <param name="Length">In bytes; null for all the rest of the file.</param>
internal sealed record OnnxFileRange(string Location, long Offset, long? Length);
