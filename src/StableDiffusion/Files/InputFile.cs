namespace StableDiffusion;

/// <summary>Reads the files a user names, with one plain line when that is not possible.</summary>
internal static class InputFile
{
    /// <summary>The bytes of a file of at most <paramref name="limit"/> bytes.</summary>
    /// <param name="path">The file.</param>
    /// <param name="what">What it should hold, for the message: "picture".</param>
    /// <param name="limit">The most that is read, so that a device or a wrong file does not fill the memory.</param>
    /// <exception cref="RequestException">The file is missing, unreadable or larger.</exception>
    public static byte[] ReadAllBytes(string path, string what, long limit)
    {
        try
        {
            if (Directory.Exists(path))
            {
                throw new RequestException($"{OneLine.Quote(path)} is a folder, not a {what}; name a file in it.");
            }

            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read);
            return ReadToEnd(stream, path, what, limit);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new RequestException($"{OneLine.Quote(path)} does not exist; check the name of the {what}.", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException { ParamName: "path" })
        {
            throw new RequestException($"{OneLine.Quote(path)} cannot be read: {OneLine.Of(exception.Message)}", exception);
        }
    }

    private static byte[] ReadToEnd(FileStream stream, string path, string what, long limit)
    {
        var length = stream.CanSeek ? stream.Length : 0; // 0 for pipes and devices: the end shows how long they are
        var content = new MemoryStream((int)Math.Min(length, limit));
        var buffer = new byte[81920];
        for (int read; (read = stream.Read(buffer)) > 0;)
        {
            if (content.Length + read > limit)
            {
                throw new RequestException($"{OneLine.Quote(path)} is larger than {limit / (1 << 20)} MiB, too much for a {what}; make it smaller.");
            }

            content.Write(buffer, 0, read);
        }

        return content.ToArray();
    }
}
