using System.CommandLine;
using System.Globalization;

namespace StableDiffusion.Cli;

/// <summary>The options that add something to the model: LoRAs and learnt words.</summary>
internal sealed class AdapterOptions
{
    public const string LoraField = "lora";
    public const string EmbeddingField = "embedding";

    private const string Extension = ".safetensors";

    public Option<string[]> Loras { get; } = new("--lora")
    {
        Description = "A LoRA (.safetensors, or a name in --lora-dir) and its strength; a comma-separated unet=0.8,text=0.5 gives two. May be given several times.",
        HelpName = "file[:weight]",
        DefaultValueFactory = _ => [],
    };

    private Option<string?> LoraFolder { get; } = new("--lora-dir", "--lora-model-dir")
    {
        Description = "Where <lora:name:0.8> in a prompt finds name.safetensors.",
        HelpName = "folder",
    };

    public Option<string[]> Embeddings { get; } = new("--embedding")
    {
        Description = "A textual inversion (.safetensors) and the word that stands for it in prompts. [default: the word in the file, else its name] May be given several times.",
        HelpName = "[word=]file",
        DefaultValueFactory = _ => [],
    };

    public Option<string?> EmbeddingFolder { get; } = new("--embedding-dir", "--embd-dir")
    {
        Description = "A folder of textual inversions, each by its name.",
        HelpName = "folder",
    };

    /// <summary>The fields of batch lines that the LoRAs and words of a request come from, beside its prompts.</summary>
    public static IReadOnlyList<string> Fields { get; } = [LoraField, "lora_dir", EmbeddingField, "embedding_dir"];

    public IReadOnlyList<Setting> Table =>
    [
        new(Loras, nameof(ImageRequest.Loras), (request, given) => request with { Loras = [.. given.GetValue(Loras)!.Select(text => ParseLora(text, given.GetValue(LoraFolder)))] }),
        new(LoraFolder, null, (request, given) => given.GetValue(LoraFolder) is not { } folder || Directory.Exists(folder)
            ? request
            : throw new RequestException($"{LoraFolder.Name} {OneLine.Quote(folder)} is no folder; give that of the LoRAs.")),
        new(Embeddings, nameof(ImageRequest.Embeddings), (request, given) => request with { Embeddings = [.. given.GetValue(Embeddings)!.Select(ParseEmbedding)] }),
        Setting.Of(EmbeddingFolder, nameof(ImageRequest.EmbeddingFolder), (request, value) => request with { EmbeddingFolder = value }),
    ];

    /// <summary>The request with the tags in its prompts taken out and added to its LoRAs.</summary>
    public ImageRequest WithTags(ImageRequest request, IGivenOptions given)
    {
        var folder = given.GetValue(LoraFolder);
        var loras = request.Loras.ToList();
        var notes = request.Notes.ToList();
        string? WithoutTags(string? prompt)
        {
            var (rest, tags) = LoraTag.Extract(prompt ?? "");
            notes.AddRange(tags.Where(tag => tag.Rank is not null).Select(tag =>
                $"the tag of the LoRA {OneLine.Of(tag.Name)} asks for its rank {tag.Rank} alone, which is not done here; all of it is taken."));
            // A LoRA that is given by its file need not be found.
            loras.AddRange(tags.Where(tag => !loras.Exists(lora => LoraTag.NameOf(lora.Path) == tag.Name)).ToList().Select(tag => new Lora(OfFolder(tag, folder), tag.Weight, tag.TextWeight)).Where(lora => !loras.Contains(lora)));
            return prompt is null ? null : rest;
        }

        return request with
        {
            Prompt = WithoutTags(request.Prompt)!,
            NegativePrompt = WithoutTags(request.NegativePrompt),
            Prompt2 = WithoutTags(request.Prompt2),
            NegativePrompt2 = WithoutTags(request.NegativePrompt2),
            Prompt3 = WithoutTags(request.Prompt3),
            NegativePrompt3 = WithoutTags(request.NegativePrompt3),
            Loras = loras,
            Notes = notes,
        };
    }

    private Lora ParseLora(string text, string? folder)
    {
        var colon = text.LastIndexOf(':');
        var lora = colon > 0 && Strengths(text[(colon + 1)..]) is var (weight, textWeight) ? new Lora(text[..colon], weight, textWeight) : Lora.Of(text, 1);
        if (File.Exists(lora.Path))
        {
            return lora;
        }

        return colon > 0 && lora.Path == text && File.Exists(text[..colon])
            ? throw new RequestException($"{Loras.Name} {OneLine.Quote(text)}: the strength must be a number such as 0.8, or unet=0.8,text=0.5.")
            : folder is not null && Find(folder, lora.Path) is { } found ? lora with { Path = found } : lora;
    }

    /// <summary>0.8, or unet=0.8,text=0.5 with either left out; null for anything else.</summary>
    private static (double Weight, double TextWeight)? Strengths(string text)
    {
        static bool TryNumber(string text, out double number) =>
            double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out number) && double.IsFinite(number);

        if (TryNumber(text, out var both))
        {
            return (both, both);
        }

        double weight = 1, textWeight = 1;
        foreach (var part in text.Split(','))
        {
            if (part.Split('=') is not [var name, var value] || name is not ("unet" or "text" or "te") || !TryNumber(value, out var number))
            {
                return null;
            }

            _ = name == "unet" ? weight = number : textWeight = number;
        }

        return (weight, textWeight);
    }

    private string OfFolder(LoraTag tag, string? folder) =>
        folder is null
            ? throw new RequestException($"the prompt names the LoRA '{OneLine.Of(tag.Name)}'; say with {LoraFolder.Name} in which folder it is.")
            : Find(folder, tag.Name) ?? throw new RequestException($"{OneLine.Quote(folder)} has no {OneLine.Of(tag.Name)}{Extension}, which the prompt names.");

    /// <summary>A file by its name, with or without extension, anywhere in a folder.</summary>
    private static string? Find(string folder, string name)
    {
        try
        {
            return Directory.EnumerateFiles(folder, "*" + Extension, SearchOption.AllDirectories)
                .Where(path => Path.GetFileNameWithoutExtension(path) == name || Path.GetFileName(path) == name || Path.GetRelativePath(folder, path) == name)
                .Order(StringComparer.Ordinal)
                .FirstOrDefault();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new RequestException($"the folder of LoRAs {OneLine.Quote(folder)} cannot be read: {OneLine.Of(error.Message)}", error);
        }
    }

    private static TextualInversion ParseEmbedding(string text)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        return equals > 0 && !File.Exists(text) ? new TextualInversion(text[(equals + 1)..], text[..equals]) : new TextualInversion(text);
    }
}
