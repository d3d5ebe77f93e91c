using System.Security.Cryptography;
using System.Text;

namespace StableDiffusion.Cli;

/// <summary>The files that jobs read, by their content: a job whose picture to start from has changed is another job.</summary>
internal sealed class InputFiles
{
    private readonly Dictionary<(string Path, long Length, DateTime Written), string> _known = [];
    private readonly Dictionary<string, string> _words = [];

    /// <summary>A text for the contents of all files that a job reads; empty where it reads none.</summary>
    /// <param name="fields">The fields whose values are files, maybe with a strength behind a colon.</param>
    /// <param name="request">What they ask for: LoRAs and learnt words are found in folders, by names in the prompts too.</param>
    public string Fingerprint(IEnumerable<KeyValuePair<string, IReadOnlyList<string>>> fields, ImageRequest request)
    {
        var files = fields.Where(field => !AdapterOptions.Fields.Contains(field.Key))
            .SelectMany(field => field.Value, (field, path) => (Field: field.Key, Path: path))
            .Concat(request.Loras.Select(lora => (Field: AdapterOptions.LoraField, lora.Path)))
            .Concat(request.Embeddings.Select(word => (Field: AdapterOptions.EmbeddingField, word.Path)))
            .Concat(WordsOf(request).Select(path => (Field: AdapterOptions.EmbeddingField, Path: path)));
        var text = new StringBuilder();
        foreach (var (field, path) in files.OrderBy(file => file.Field, StringComparer.Ordinal))
        {
            if (Find(path) is { } hash)
            {
                text.Append(field).Append('=').Append(hash).Append('\n');
            }
        }

        return text.Length == 0 ? "" : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())).AsSpan(0, 8));
    }

    /// <summary>The files of the folder of learnt words whose word stands in one of the prompts.</summary>
    private IEnumerable<string> WordsOf(ImageRequest request)
    {
        string?[] prompts = [request.Prompt, request.NegativePrompt, request.Prompt2, request.NegativePrompt2, request.Prompt3, request.NegativePrompt3];
        return EmbeddingSet.FilesOf(request.EmbeddingFolder).Where(path => prompts.OfType<string>().Any(prompt => LearntWords.Has(prompt, WordOf(path))));
    }

    private string WordOf(string path)
    {
        var stamp = FileStamp.Of(path);
        if (!_words.TryGetValue(stamp, out var word))
        {
            try
            {
                word = EmbeddingFile.Open(path).Word;
            }
            catch (RequestException)
            {
                // Refused where a prompt names it.
                word = Path.GetFileNameWithoutExtension(path);
            }

            _words[stamp] = word;
        }

        return word;
    }

    /// <summary>The content of what a value names: <c>file</c>, <c>file:0.8</c> or <c>folder:0.5:0-0.6</c>; null where there is nothing of that name.</summary>
    private string? Find(string value)
    {
        for (var path = value; path.Length > 0; path = path.LastIndexOf(':') is > 0 and var colon ? path[..colon] : "")
        {
            try
            {
                if (File.Exists(path))
                {
                    return HashOf(new FileInfo(path));
                }

                if (Directory.Exists(path))
                {
                    return ModelFingerprint.Of(path);
                }
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // Refused where it is read, if it is.
                return null;
            }
        }

        return null;
    }

    private string HashOf(FileInfo file)
    {
        var key = (file.FullName, file.Length, file.LastWriteTimeUtc);
        if (!_known.TryGetValue(key, out var hash))
        {
            using var stream = file.OpenRead();
            _known[key] = hash = Convert.ToHexStringLower(SHA256.HashData(stream));
        }

        return hash;
    }
}
