using System.Globalization;

namespace StableDiffusion;

/// <summary>
/// What requests add to a model: LoRAs, learnt words and control networks. Files are opened and matched with the model once, and kept for
/// the next request that names them. Several threads may ask.
/// </summary>
/// <param name="folder">The model.</param>
/// <param name="warn">Told what of a file does nothing.</param>
internal sealed class AdapterShelf(ModelFolder folder, Action<string> warn)
{
    private readonly Lock _busy = new();
    private readonly Dictionary<string, LoraSet> _loras = [];
    private readonly Dictionary<string, EmbeddingSet> _embeddings = [];

    /// <summary>The changes that a request makes to the networks, in the order in which they are made.</summary>
    /// <exception cref="RequestException">A file cannot be read, or does not fit the model.</exception>
    public IReadOnlyList<IGraphEdit> EditsFor(ImageRequest request)
    {
        using var alone = _busy.EnterScope();
        var words = Words(request);
        _ = words?.UsedIn(Texts(request)).Count();
        return [
            .. LoraEdits(request), .. words?.Edits ?? [], .. request.Controls.Count > 0 ? (IGraphEdit[])[new ControlInputsEdit()] : [],
            .. request.Seamless ? (IGraphEdit[])[new CircularPaddingEdit()] : []];
    }

    /// <summary>What a request names and does not use, a line for each: files whose word stands in no prompt.</summary>
    public IReadOnlyList<string> Unused(ImageRequest request)
    {
        using var alone = _busy.EnterScope();
        if (request.Embeddings.Count == 0 || Words(request) is not { } words)
        {
            return [];
        }

        var used = words.UsedIn(Texts(request)).Select(word => word.Path).ToHashSet();
        return [.. request.Embeddings.Where(one => !used.Contains(one.Path)).Select(one => $"{OneLine.Quote(one.Path)} changes nothing: no prompt has its word '{OneLine.Of(words.WordOf(one.Path))}'.")];
    }

    /// <summary>Adds what was used to the text that a picture keeps, in the webui's way: a tag in the prompt for each LoRA, and hashes of the files.</summary>
    public GenerationParameters Describe(GenerationParameters parameters, ImageRequest request)
    {
        using var alone = _busy.EnterScope();
        var prompt = request.Loras.Aggregate(parameters.Prompt, (text, lora) => $"{text.TrimEnd()} {LoraTag.Of(lora)}").TrimStart();
        var extra = parameters.Extra.ToList();
        if (request.Loras.Count > 0)
        {
            extra.Add(new("Lora hashes", Hashes(request.Loras.Select(lora => (LoraTag.NameOf(lora.Path), lora.Path)), afterHeader: true)));
        }

        if (Words(request)?.UsedIn(Texts(request)).ToList() is { Count: > 0 } used)
        {
            extra.Add(new("TI hashes", Hashes(used, afterHeader: false)));
        }

        extra.AddRange(request.Controls.Select((control, i) => new KeyValuePair<string, string>($"ControlNet {i}", control.Describe(request.GuessMode))));
        return parameters with { Prompt = prompt, Extra = extra };
    }

    private static string[] Texts(ImageRequest request) =>
        [.. new[] { request.Prompt, request.NegativePrompt, request.Prompt2, request.NegativePrompt2 }.OfType<string>()];

    private static string Hashes(IEnumerable<(string Name, string Path)> files, bool afterHeader) =>
        string.Join(", ", files.Distinct().Select(file => $"{file.Name.Replace(":", "", StringComparison.Ordinal).Replace(",", "", StringComparison.Ordinal)}: {FileStamp.ShortHash(file.Path, afterHeader)}"));

    private IEnumerable<IGraphEdit> LoraEdits(ImageRequest request)
    {
        if (request.Loras.Count == 0)
        {
            return [];
        }

        var key = string.Join(", ", request.Loras.Select(lora =>
            string.Create(CultureInfo.InvariantCulture, $"{FileStamp.Of(lora.Path)} {lora.Weight} {lora.TextWeight}")));
        if (!_loras.TryGetValue(key, out var set))
        {
            _loras[key] = set = new LoraSet(request.Loras, folder, warn);
        }

        return set.Parts.Select(part => new LoraGraphEdit(set, part, key));
    }

    private EmbeddingSet? Words(ImageRequest request)
    {
        if (request.Embeddings.Count == 0 && request.EmbeddingFolder is null)
        {
            return null;
        }

        var key = $"{request.EmbeddingFolder}: {string.Join(", ", request.Embeddings.Select(one => $"{one.Word}={FileStamp.Of(one.Path)}"))}";
        if (!_embeddings.TryGetValue(key, out var set))
        {
            _embeddings[key] = set = new EmbeddingSet(request.Embeddings, request.EmbeddingFolder, folder);
        }

        return set;
    }
}
