namespace StableDiffusion;

/// <summary>Looks for files of a model.</summary>
internal static class ModelFiles
{
    /// <summary>The files of a folder that is there.</summary>
    /// <exception cref="ModelException">It may not be read.</exception>
    public static string[] In(string folder, string pattern, SearchOption depth = SearchOption.TopDirectoryOnly)
    {
        try
        {
            return Directory.GetFiles(folder, pattern, depth);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{folder} cannot be read: {OneLine.Of(error.Message)}", error);
        }
    }
}
