using System.Globalization;

namespace StableDiffusion;

/// <summary>The learnt words of a run, checked against a model.</summary>
internal sealed class EmbeddingSet
{
    private static readonly string[] _parts = ["text_encoder", "text_encoder_2"];

    private readonly Dictionary<string, (string Path, string? Refusal)> _words = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<IGraphEdit> _edits = [];

    // With those that do not fit: what is part of a longer word is not meant.
    private readonly LearntWords _all;

    /// <param name="given">Files that must fit the model.</param>
    /// <param name="folderOfMore">A folder of further ones, of which those that do not fit are refused when a prompt names them; or null.</param>
    /// <param name="model">The model.</param>
    /// <exception cref="RequestException">A file is no textual inversion, does not fit, or has a word that another has.</exception>
    public EmbeddingSet(IReadOnlyList<TextualInversion> given, string? folderOfMore, ModelFolder model)
    {
        var tables = _parts.Where(part => File.Exists(model.NetworkOf(part)))
            .ToDictionary(part => part, part => EmbeddingTable.Find(OnnxGraph.Load(model.NetworkOf(part))));
        var files = new List<(string Word, EmbeddingFile File)>();
        foreach (var one in given)
        {
            var file = EmbeddingFile.Open(one.Path);
            var word = Named(one.Word ?? file.Word, one.Path);
            if (Misfit(file, tables, model) is { } refusal)
            {
                throw new RequestException(refusal);
            }

            if (!_words.TryAdd(word, (one.Path, null)))
            {
                throw new RequestException($"two embeddings are called '{OneLine.Of(word)}', the second is {OneLine.Quote(one.Path)}; give it another word, as word=file.");
            }

            files.Add((word, file));
        }

        foreach (var path in FilesOf(folderOfMore))
        {
            AddOfFolder(path, tables, model, files);
        }

        _all = new LearntWords(_words.Keys.Select(word => new LearntWord(word, 0, 0)));
        var stamps = string.Join(", ", files.Select(file => $"{file.Word}={FileStamp.Of(file.File.Path)}"));
        foreach (var (part, table) in tables.Where(_ => files.Count > 0))
        {
            var firstId = table.Rows;
            var words = new List<LearntWord>();
            foreach (var (word, file) in files)
            {
                words.Add(new LearntWord(word, firstId, file.Vectors[part].Count));
                firstId += file.Vectors[part].Count;
            }

            _edits.Add(new LearntWordsEdit(part, stamps, new LearntWords(words), [.. files.SelectMany(file => file.File.Vectors[part].Values)]));
        }
    }

    public IReadOnlyList<IGraphEdit> Edits => _edits;

    /// <summary>Words that stand in one of these texts, with their files.</summary>
    /// <exception cref="RequestException">One is of a file that does not fit the model.</exception>
    public IEnumerable<(string Word, string Path)> UsedIn(IReadOnlyList<string> texts)
    {
        var used = texts.SelectMany(_all.In).Select(word => word.Text).ToHashSet();
        foreach (var (word, (path, refusal)) in _words.Where(word => used.Contains(word.Key)))
        {
            yield return refusal is null ? (word, path) : throw new RequestException(refusal);
        }
    }

    /// <summary>The word of a file that was given.</summary>
    public string WordOf(string path) => _words.First(word => word.Value.Path == path).Key;

    /// <summary>The files of a folder of words; none without one.</summary>
    /// <exception cref="RequestException">The folder cannot be read.</exception>
    public static IEnumerable<string> FilesOf(string? folder)
    {
        try
        {
            return folder is null ? [] : Directory.GetFiles(folder, "*.safetensors").Order(StringComparer.Ordinal);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new RequestException($"the folder of embeddings {OneLine.Quote(folder!)} cannot be read: {OneLine.Of(error.Message)}", error);
        }
    }

    private static string Named(string word, string path) =>
        !string.IsNullOrWhiteSpace(word) && !word.Any(char.IsControl)
            ? word.Trim()
            : throw new RequestException($"{OneLine.Quote(path)} has no word that could stand in a prompt; give it one, as word=file.");

    private static string? Misfit(EmbeddingFile file, Dictionary<string, EmbeddingTable> tables, ModelFolder model)
    {
        if (!tables.Keys.Order(StringComparer.Ordinal).SequenceEqual(file.Vectors.Keys.Order(StringComparer.Ordinal)))
        {
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{OneLine.Quote(file.Path)} does not fit {model.Name}: it holds vectors for {file.Vectors.Count} text encoder(s), and the model has {tables.Count}.");
        }

        return tables.FirstOrDefault(table => table.Value.Width != file.Vectors[table.Key].Width) is { Key: { } part, Value: { } odd }
            ? $"{OneLine.Quote(file.Path)} does not fit {model.Name}: its vectors have {file.Vectors[part].Width} numbers, and those of {part} have {odd.Width}."
            : null;
    }

    private void AddOfFolder(string path, Dictionary<string, EmbeddingTable> tables, ModelFolder model, List<(string Word, EmbeddingFile File)> files)
    {
        try
        {
            var file = EmbeddingFile.Open(path);
            var word = Named(file.Word, path);
            var refusal = Misfit(file, tables, model);
            if (_words.TryAdd(word, (path, refusal)) && refusal is null)
            {
                files.Add((word, file));
            }
        }
        catch (RequestException error)
        {
            _words.TryAdd(System.IO.Path.GetFileNameWithoutExtension(path), (path, error.Message));
        }
    }
}
