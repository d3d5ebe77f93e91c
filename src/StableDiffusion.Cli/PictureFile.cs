namespace StableDiffusion.Cli;

/// <summary>Puts a picture on disk under a name of its own.</summary>
internal static class PictureFile
{
    private const int MostAttempts = 100_000;

    /// <summary>Writes one picture, whole or not at all, and returns its path.</summary>
    public static string Write(GeneratedImage picture, OutputPattern pattern, int count, string prompt)
    {
        var (path, replaces) = pattern.PathOf(picture.Index, count, picture.Seed, prompt);
        if (Path.GetDirectoryName(path) is { Length: > 0 } folder)
        {
            Directory.CreateDirectory(folder);
        }

        void WritePng(Stream stream) =>
            PngWriter.Write(stream, picture.Image, [new("parameters", picture.Parameters.ToInfotext())]);

        if (replaces)
        {
            AtomicFile.Write(path, WritePng);
            return path;
        }

        for (var attempt = 2; attempt < MostAttempts && File.Exists(path); attempt++)
        {
            path = OutputPattern.Beside(pattern.PathOf(picture.Index, count, picture.Seed, prompt).Path, attempt);
        }

        AtomicFile.Write(path, WritePng, overwrite: false);
        return path;
    }
}
