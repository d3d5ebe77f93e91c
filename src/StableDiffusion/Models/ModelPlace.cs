namespace StableDiffusion;

/// <summary>Finds the model in the folder that was named, as downloads lay it out.</summary>
internal static class ModelPlace
{
    private const string Index = "model_index.json";
    private const string HubPrefix = "models--";
    private const string WhereModelsAre = "See models/README.md for the folder that is needed.";

    /// <summary>
    /// The folder with <c>model_index.json</c> or, where none has it, with a denoising network: the one named, its <c>onnx</c>, or in the root of
    /// a repository in the hub's cache the snapshot of <c>refs/main</c>.
    /// </summary>
    /// <exception cref="ModelException">There is none, or more than one may be meant.</exception>
    public static string Find(string path)
    {
        if (!Directory.Exists(path))
        {
            throw new ModelException(File.Exists(path)
                ? $"{path} is a file; a model is a folder with {Index} in it. {WhereModelsAre}"
                : $"{OneLine.Quote(path)} does not exist. {WhereModelsAre}");
        }

        if (HasIndex(path))
        {
            return path;
        }

        var snapshot = Directory.Exists(Path.Combine(path, "snapshots")) ? Snapshot(path) : path;
        string[] places = [snapshot, Path.Combine(snapshot, "onnx")];
        return Array.Find(places, HasIndex)
            ?? Array.Find(places, HasDenoiser)
            ?? throw new ModelException($"{snapshot} is not a model: it has no {Index}. {WhereModelsAre}");
    }

    /// <summary>What people call the model: the folder's name, and for a snapshot in the hub's cache the repository's without its owner.</summary>
    public static string NameOf(string path)
    {
        var folder = new DirectoryInfo(path);
        folder = folder is { Name: "onnx", Parent: { } parent } ? parent : folder;
        return folder.Parent is { Name: "snapshots", Parent.Name: var repository } && repository.StartsWith(HubPrefix, StringComparison.Ordinal)
            ? repository[HubPrefix.Length..].Split("--")[^1]
            : folder.Name;
    }

    /// <summary>Whether a folder shows by a denoising network that it is a model.</summary>
    private static bool HasDenoiser(string folder) =>
        ((string[])["unet", "transformer"]).Any(part => Directory.Exists(Path.Combine(folder, part)) && ModelFiles.In(Path.Combine(folder, part), "*.onnx").Length > 0);

    private static bool HasIndex(string folder) => File.Exists(Path.Combine(folder, Index));

    private static string Snapshot(string root)
    {
        var snapshots = Path.Combine(root, "snapshots");
        var main = Path.Combine(root, "refs", "main");
        if (File.Exists(main) && ModelText.Read(main).Trim() is { Length: > 0 } commit && !commit.AsSpan().ContainsAny('/', '\\', '\0')
            && Directory.Exists(Path.Combine(snapshots, commit)))
        {
            return Path.Combine(snapshots, commit);
        }

        var all = Directory.GetDirectories(snapshots);
        return all.Length == 1 ? all[0] : throw new ModelException(all.Length == 0
            ? $"{root} is a repository in the hub's cache, with nothing in snapshots. Download the model again."
            : $"{root} is a repository in the hub's cache with several snapshots; name one of {string.Join(", ", all.Order(StringComparer.Ordinal))}.");
    }
}
