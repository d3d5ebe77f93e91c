namespace StableDiffusion.Cli;

/// <summary>The batch cannot go on, whatever its other lines say: the disk is full, the folder is gone or taken.</summary>
internal sealed class BatchStopException(string message, Exception? inner = null) : IOException(message, inner);
