using System.Security.Cryptography;

namespace StableDiffusion.Cli;

/// <summary>Puts a picture on disk under a name of its own.</summary>
internal static class PictureFile
{
    private const int MostAttempts = 100_000;

    /// <summary>The bytes of a picture's file, in the format that its name asks for.</summary>
    public static byte[] Encode(GeneratedImage picture, string path, int quality)
    {
        using var stream = new MemoryStream();
        PictureWriter.Write(stream, picture.Image, PictureFormats.OfName(path) ?? PictureKind.Png, picture.Parameters.ToInfotext(), quality);
        return stream.ToArray();
    }

    /// <summary>What results and manifests know a file by: its SHA-256, in hexadecimal digits.</summary>
    public static string HashOf(byte[] file) => Convert.ToHexStringLower(SHA256.HashData(file));

    /// <summary>The format that a name given to <c>--output</c> asks for.</summary>
    /// <exception cref="RequestException">It is none that is written.</exception>
    public static PictureKind KindOf(string path) =>
        PictureFormats.OfName(path) ?? throw new RequestException($"--output {OneLine.Quote(path)} must end in {PictureFormats.Written}.");

    /// <summary>Fails before anything is painted where the first picture could not be written.</summary>
    /// <param name="pattern">Where they go.</param>
    /// <param name="request">What is painted.</param>
    /// <param name="count">How many pictures there will be.</param>
    public static void RequireWritable(OutputPattern pattern, ImageRequest request, int count)
    {
        var path = pattern.PathOf(0, count, request.Seeds[0], request.Prompt).Path;
        RequireRoomForText(path, request);
        AtomicFile.RequireWritable(path, makesFolders: true);
    }

    /// <summary>Fails before anything is painted where the format of that name cannot hold the prompts.</summary>
    public static void RequireRoomForText(string path, ImageRequest request)
    {
        const int Settings = 4096; // what else the text holds, amply
        if (PictureFormats.OfName(path) == PictureKind.Jpeg
            && TextsOf(request).Sum(text => (long)(text?.Length ?? 0)) + Settings > PictureWriter.LongestJpegText)
        {
            throw new RequestException("the prompt is too long to be stored in a JPEG; write a PNG or WebP.");
        }
    }

    private static string?[] TextsOf(ImageRequest request) =>
        [request.Prompt, request.NegativePrompt, request.Prompt2, request.NegativePrompt2, request.Prompt3, request.NegativePrompt3];

    /// <summary>Writes one picture, whole or not at all.</summary>
    /// <returns>Its path, and the bytes of its file.</returns>
    public static (string Path, byte[] File) Write(GeneratedImage picture, OutputPattern pattern, int count, string prompt, int quality)
    {
        var (path, replaces) = pattern.PathOf(picture.Index, count, picture.Seed, prompt);
        var file = Encode(picture, path, quality);
        if (Path.GetDirectoryName(path) is { Length: > 0 } folder)
        {
            Directory.CreateDirectory(folder);
        }

        if (replaces)
        {
            AtomicFile.Write(path, stream => stream.Write(file));
            return (path, file);
        }

        return WriteNew(path, File.Exists, attempt =>
        {
            AtomicFile.Write(attempt, stream => stream.Write(file), overwrite: false);
            return (attempt, file);
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
