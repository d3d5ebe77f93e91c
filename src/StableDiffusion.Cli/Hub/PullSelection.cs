using System.IO.Enumeration;

namespace StableDiffusion.Cli;

/// <summary>Which of a repository's files the program needs: networks as ONNX with their weights, tokenizers and configurations.</summary>
/// <param name="Files">What to fetch.</param>
/// <param name="Notes">What the user should know about the choice.</param>
internal sealed record PullSelection(IReadOnlyList<HubFile> Files, IReadOnlyList<string> Notes)
{
    private const string Onnx = ".onnx";

    /// <summary>The networks that make the picture; a folder without either is no pipeline.</summary>
    private static readonly string[] _denoisers = ["unet", "transformer"];

    /// <summary>Parts that pipelines of other programs have and this one does not use.</summary>
    private static readonly string[] _unusedParts = ["safety_checker", "feature_extractor", "image_encoder"];

    /// <summary>Formats of other programs, and what people read.</summary>
    private static readonly string[] _otherFormats =
    [
        ".safetensors", ".bin", ".msgpack", ".ckpt", ".pt", ".pth", ".h5", ".xml", ".ort", ".engine", ".plan", ".gguf", ".tflite", ".mlmodel", ".mlpackage",
        ".md", ".txt", ".py", ".png", ".jpg", ".jpeg", ".webp", ".gif", ".mp4", ".zip", ".gz", ".json", ".gitattributes", ".gitignore", ".onnx_metadata", ".dll", ".so",
    ];

    /// <summary>Chooses.</summary>
    /// <param name="listing">All files.</param>
    /// <param name="variant">Which of several exports of a network, such as <c>fp16</c>; null for the plain one.</param>
    /// <param name="include">Patterns of further files, with <c>*</c> and <c>?</c>, over whole paths.</param>
    /// <exception cref="ModelException">The repository holds no pipeline in ONNX form.</exception>
    /// <exception cref="RequestException">It holds several and none is asked for, or has nothing of what is asked for.</exception>
    public static PullSelection Choose(HubListing listing, string? variant, IReadOnlyList<string> include)
    {
        var root = RootOf(listing);
        var notes = new List<string>();
        var chosen = new HashSet<HubFile>();
        var parts = listing.Files.Where(file => file.Name.EndsWith(Onnx, StringComparison.Ordinal) && IsPart(file.Folder, root)).GroupBy(file => file.Folder).ToList();
        RequireVariant(listing.Name, [.. parts.SelectMany(part => part)], variant);
        foreach (var part in parts)
        {
            var network = Network(listing.Name, part.Key, [.. part], variant, notes);
            chosen.Add(network);
            chosen.UnionWith(WeightsOf(network, [.. part], listing.Files));
        }

        chosen.UnionWith(listing.Files.Where(file => IsSetting(file, root)));
        foreach (var pattern in include)
        {
            var matches = listing.Files.Where(file => FileSystemName.MatchesSimpleExpression(pattern, file.Path, ignoreCase: false)).ToList();
            if (matches.Count == 0)
            {
                throw new RequestException($"--include {OneLine.Quote(pattern)} matches none of the {listing.Files.Count} files of {listing.Name}.");
            }

            chosen.UnionWith(matches);
        }

        return new PullSelection([.. listing.Files.Where(chosen.Contains)], notes);
    }

    /// <summary>The folder that holds the parts: the repository's root, or one below it such as <c>onnx</c>.</summary>
    private static string RootOf(HubListing listing)
    {
        var roots = listing.Files
            .Where(file => file.Name.EndsWith(Onnx, StringComparison.Ordinal) && _denoisers.Contains(LastPart(file.Folder)))
            .Select(file => file.Folder.Contains('/', StringComparison.Ordinal) ? file.Folder[..file.Folder.LastIndexOf('/')] : "")
            .Distinct().OrderBy(root => root.Count(c => c == '/')).ThenBy(root => root.Length).ToList();
        if (roots.Count > 0)
        {
            return roots[0];
        }

        throw new ModelException(listing.Files.Any(file => file.Name.EndsWith(Onnx, StringComparison.Ordinal))
            ? $"{listing.Name} has ONNX files, but none in a folder unet or transformer: it is no text-to-image pipeline that can be run."
            : $"{listing.Name} has no ONNX files. Export it with: optimum-cli export onnx --model {listing.Name.Id} FOLDER, and use -m FOLDER; see models/README.md.");
    }

    private static string LastPart(string folder) => folder[(folder.LastIndexOf('/') + 1)..];

    private static bool IsPart(string folder, string root)
    {
        var name = root.Length == 0 ? folder : folder.StartsWith(root + "/", StringComparison.Ordinal) ? folder[(root.Length + 1)..] : "";
        return name.Length > 0 && !name.Contains('/', StringComparison.Ordinal) && !_unusedParts.Contains(name)
            && !name.StartsWith("tokenizer", StringComparison.Ordinal) && !name.StartsWith("openvino", StringComparison.Ordinal);
    }

    /// <summary>Configurations and tokenizers, below the parts' root and, where that is a folder, beside it.</summary>
    private static bool IsSetting(HubFile file, string root)
    {
        foreach (var prefix in (string[])["", root.Length == 0 ? "" : root + "/"])
        {
            if (!file.Path.StartsWith(prefix, StringComparison.Ordinal))
            {
                continue;
            }

            switch (file.Path[prefix.Length..].Split('/'))
            {
                case ["model_index.json" or "config.json" or "generation_config.json" or "vocabulary.json"]:
                case [var part, var name] when part.StartsWith("tokenizer", StringComparison.Ordinal) && IsOfTokenizer(name):
                case ["scheduler", var setting] when setting.EndsWith(".json", StringComparison.Ordinal):
                case [var network, "config.json"] when !_unusedParts.Contains(network):
                    return true;
            }
        }

        return false;
    }

    private static bool IsOfTokenizer(string name) =>
        name.EndsWith(".json", StringComparison.Ordinal) || name is "merges.txt" or "vocab.txt" || name.EndsWith(".model", StringComparison.Ordinal);

    /// <summary>Refuses a variant that no part has: a word that is spelt wrongly must not cost gigabytes of the plain networks.</summary>
    private static void RequireVariant(HubName name, IReadOnlyList<HubFile> networks, string? variant)
    {
        if (variant is not null && !networks.Any(file => VariantOf(file) == variant))
        {
            var others = networks.Select(VariantOf).Where(one => one != "model").Distinct().Order(StringComparer.Ordinal).ToList();
            throw new RequestException($"--variant {OneLine.Quote(variant)}: {name} has {(others.Count == 0 ? "no variants; leave it out" : $"{string.Join(", ", others)}; give one of these, or leave it out")}.");
        }
    }

    private static HubFile Network(HubName name, string folder, IReadOnlyList<HubFile> networks, string? variant, List<string> notes)
    {
        if (variant is not null)
        {
            if (networks.FirstOrDefault(file => VariantOf(file) == variant) is { } asked)
            {
                return asked;
            }

            notes.Add($"{folder} has no variant {OneLine.Quote(variant)}; taking {Plain(networks)?.Name ?? networks[0].Name}.");
        }

        return Plain(networks) ?? (networks.Count == 1 ? networks[0] : throw new RequestException(
            $"{name} has {folder} in several variants; choose one with --variant {string.Join('|', networks.Select(VariantOf).Order(StringComparer.Ordinal))}."));
    }

    private static HubFile? Plain(IReadOnlyList<HubFile> networks) => networks.FirstOrDefault(file => file.Name == "model.onnx");

    /// <summary><c>fp16</c> of <c>model_fp16.onnx</c> and <c>model.fp16.onnx</c>.</summary>
    private static string VariantOf(HubFile network)
    {
        var stem = network.Name[..^Onnx.Length];
        return stem.StartsWith("model", StringComparison.Ordinal) && stem.Length > 6 ? stem[6..] : stem;
    }

    /// <summary>The files beside a network that may hold its weights: of any name, but no other network's.</summary>
    private static IEnumerable<HubFile> WeightsOf(HubFile network, IReadOnlyList<HubFile> networks, IReadOnlyList<HubFile> files)
    {
        var others = networks.Where(other => other != network).Select(other => other.Name).ToList();
        var beside = files.Where(file => file.Folder == network.Folder && !file.Name.EndsWith(Onnx, StringComparison.Ordinal)
            && !_otherFormats.Contains(Path.GetExtension(file.Name).ToLowerInvariant())).ToList();
        bool BelongsTo(HubFile file, string owner) => file.Name.StartsWith(owner, StringComparison.Ordinal);
        return beside.Where(file => BelongsTo(file, network.Name) || !others.Exists(other => BelongsTo(file, other)));
    }
}
