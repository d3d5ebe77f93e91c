namespace StableDiffusion;

/// <summary>
/// Weights that edits make, in a temporary file that ONNX Runtime reads them from as it does the model's: a graph in memory holds 2 GB at most, and would
/// be there several times while it is opened.
/// </summary>
internal sealed class MadeWeights : IDisposable
{
    private MadeWeights(string path) => Path = path;

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>An empty file in the system's folder for temporary ones.</summary>
    /// <exception cref="ModelException">It cannot be written.</exception>
    public static MadeWeights Create()
    {
        var made = new MadeWeights(System.IO.Path.Combine(WeightFiles.RealPath(System.IO.Path.GetTempPath()), $".sd-{Guid.NewGuid():N}.weights"));
        made.Write(FileMode.CreateNew, []);
        return made;
    }

    /// <summary>Adds values at the end.</summary>
    /// <returns>Where they begin.</returns>
    /// <exception cref="ModelException">The disk is full.</exception>
    public long Add(ReadOnlySpan<byte> values) => Write(FileMode.Open, values);

    /// <summary>
    /// Removes the file. Where the system keeps files from being removed that are in use, the network's owner does it again when that is closed.
    /// </summary>
    public void Dispose()
    {
        try
        {
            File.Delete(Path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Still in use.
        }
    }

    // Closed between writes: on Windows nobody else could open it.
    private long Write(FileMode mode, ReadOnlySpan<byte> values)
    {
        try
        {
            using var file = new FileStream(Path, mode, FileAccess.Write);
            var offset = WeightFiles.Aligned(file.Length);
            file.Position = offset;
            file.Write(values);
            return offset;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            var variable = OperatingSystem.IsWindows() ? "TMP" : "TMPDIR";
            throw new ModelException(
                $"{System.IO.Path.GetDirectoryName(Path)} cannot hold the weights that are made of the model's: {OneLine.Of(error.Message.Split(" : '")[0])} "
                + $"The variable {variable} names another folder.",
                error);
        }
    }
}
