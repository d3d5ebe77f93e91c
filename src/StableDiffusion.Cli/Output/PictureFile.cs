namespace StableDiffusion.Cli;

/// <summary>Puts a picture on disk under a name of its own.</summary>
internal static class PictureFile
{
    private const int MostAttempts = 100_000;

    /// <summary>The bytes of a picture's file.</summary>
    public static byte[] Encode(GeneratedImage picture)
    {
        using var stream = new MemoryStream();
        PngWriter.Write(stream, picture.Image, [new(GenerationParameters.Keyword, picture.Parameters.ToInfotext())]);
        return stream.ToArray();
    }

    /// <summary>Fails before anything is painted where the first picture could not be written.</summary>
    public static void RequireWritable(OutputPattern pattern, ImageRequest request) =>
        AtomicFile.RequireWritable(pattern.PathOf(0, request.Seeds.Count * request.PicturesPerSeed, request.Seeds[0], request.Prompt).Path, makesFolders: true);

    /// <summary>Writes one picture, whole or not at all, and returns its path.</summary>
    public static string Write(GeneratedImage picture, byte[] png, OutputPattern pattern, int count, string prompt)
    {
        var (path, replaces) = pattern.PathOf(picture.Index, count, picture.Seed, prompt);
        if (Path.GetDirectoryName(path) is { Length: > 0 } folder)
        {
            Directory.CreateDirectory(folder);
        }

        if (replaces)
        {
            AtomicFile.Write(path, stream => stream.Write(png));
            return path;
        }

        return WriteNew(path, File.Exists, attempt =>
        {
            AtomicFile.Write(attempt, stream => stream.Write(png), overwrite: false);
            return attempt;
        });
    }

    /// <summary>Writes under the first of <c>name.png</c>, <c>name-2.png</c>, <c>name-3.png</c>, … that is free, whoever else looks for one.</summary>
    public static T WriteNew<T>(string path, Func<string, bool> isTaken, Func<string, T> write)
    {
        for (var attempt = 1; ; attempt++)
        {
            var name = attempt == 1 ? path : OutputPattern.Beside(path, attempt);
            if (isTaken(name) && attempt < MostAttempts)
            {
                continue;
            }

            try
            {
                return write(name);
            }
            catch (RequestException) when (isTaken(name) && attempt < MostAttempts)
            {
                // Another process was faster.
            }
        }
    }
}
