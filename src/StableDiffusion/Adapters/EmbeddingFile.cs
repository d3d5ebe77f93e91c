namespace StableDiffusion;

/// <summary>The vectors of a learnt word, by the text encoder that they are for.</summary>
internal sealed class EmbeddingFile
{
    private const string WebUiKey = "emb_params";
    private const string FirstOfTwo = "clip_l";
    private const string SecondOfTwo = "clip_g";

    private EmbeddingFile(string path, string word, IReadOnlyDictionary<string, EmbeddingVectors> vectors) =>
        (Path, Word, Vectors) = (path, word, vectors);

    public string Path { get; }

    /// <summary>What the file calls itself.</summary>
    public string Word { get; }

    /// <summary>By the folder of the text encoder.</summary>
    public IReadOnlyDictionary<string, EmbeddingVectors> Vectors { get; }

    /// <summary>Reads a file of the webui (one tensor emb_params), of diffusers (one tensor named as the word), or for SDXL (clip_l and clip_g).</summary>
    /// <exception cref="RequestException">It cannot be read or is none of these.</exception>
    public static EmbeddingFile Open(string path)
    {
        var file = SafeTensorsFile.Open(path);
        var name = System.IO.Path.GetFileNameWithoutExtension(path);
        if (file.Names.Contains(FirstOfTwo) && file.Names.Contains(SecondOfTwo))
        {
            return new EmbeddingFile(path, name, new Dictionary<string, EmbeddingVectors>
            {
                ["text_encoder"] = Read(file, FirstOfTwo),
                ["text_encoder_2"] = Read(file, SecondOfTwo),
            });
        }

        var key = file.Names.Contains(WebUiKey) ? WebUiKey : file.Names.Count == 1 ? file.Names.Single() : null;
        return key is not null
            ? new EmbeddingFile(path, key == WebUiKey ? name : key, new Dictionary<string, EmbeddingVectors> { ["text_encoder"] = Read(file, key) })
            : throw new RequestException(
                $"{OneLine.Quote(path)} is no textual inversion: it holds {file.Names.Count} tensors, not emb_params, one word's, or clip_l and clip_g.");
    }

    private static EmbeddingVectors Read(SafeTensorsFile file, string key)
    {
        var shape = file.ShapeOf(key);
        return shape.Count is 1 or 2 && !shape.Contains(0)
            ? new EmbeddingVectors(file.ReadFloats(key), shape[^1])
            : throw new RequestException(
                $"{OneLine.Quote(file.Path)} is no textual inversion: '{OneLine.Of(key)}' has the shape [{string.Join(", ", shape)}], not [vectors, width].");
    }
}

/// <summary>Vectors in the place of tokens [count, width], row-major.</summary>
internal sealed record EmbeddingVectors(float[] Values, int Width)
{
    public int Count => Values.Length / Width;
}
