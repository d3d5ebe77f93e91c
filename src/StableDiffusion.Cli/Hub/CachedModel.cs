using System.Text.Json;

namespace StableDiffusion.Cli;

/// <summary>A snapshot in the hub's cache, as far as a look at its files tells.</summary>
/// <param name="Name">The repository, with the branch that stands for the snapshot, or its commit where none does.</param>
/// <param name="Commit">The commit.</param>
/// <param name="Folder">The snapshot's folder.</param>
/// <param name="Family">The pipeline's class, such as <c>StableDiffusionPipeline</c>; null where there is no <c>model_index.json</c>.</param>
/// <param name="IsOnnx">Whether it holds ONNX networks, so that the program may open it.</param>
/// <param name="Precision">The element type of the denoising network's weights, such as <c>float16</c>; null where there is no such network.</param>
/// <param name="Bytes">The size of its files.</param>
/// <param name="LastUsed">When one of its files was last read or written, as far as the file system keeps that.</param>
internal sealed record CachedModel(
    HubName Name, string Commit, string Folder, string? Family, bool IsOnnx, string? Precision, long Bytes, DateTime LastUsed)
{
    /// <summary>The snapshots of all repositories.</summary>
    public static IEnumerable<CachedModel> In(HubCache cache) => cache.Repositories().SelectMany(Of);

    /// <summary>The snapshots of one repository.</summary>
    public static IEnumerable<CachedModel> Of(HubRepository repository)
    {
        var branches = repository.Refs();
        foreach (var commit in repository.Commits)
        {
            var folder = repository.SnapshotPath(commit);
            var files = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(path => (Path: path, Real: Real(path))).Where(file => file.Real.Exists).ToList();
            var networks = files.Where(file => file.Path.EndsWith(".onnx", StringComparison.Ordinal)).Select(file => file.Path).ToList();
            var denoiser = networks.FirstOrDefault(path => Path.GetFileName(Path.GetDirectoryName(path)) is "unet" or "transformer");
            yield return new CachedModel(
                repository.Name with { Revision = branches.FirstOrDefault(branch => branch.Commit == commit).Name ?? commit },
                commit,
                folder,
                FamilyOf(folder),
                networks.Count > 0,
                denoiser is null ? null : PrecisionOf(denoiser),
                files.Sum(file => file.Real.Length),
                files.Count == 0 ? Directory.GetLastWriteTimeUtc(folder) : files.Max(file => Later(file.Real.LastAccessTimeUtc, file.Real.LastWriteTimeUtc)));
        }
    }

    private static FileInfo Real(string path) =>
        new FileInfo(path) is { LinkTarget: not null } link && link.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target ? target : new FileInfo(path);

    private static DateTime Later(DateTime a, DateTime b) => a > b ? a : b;

    private static string? FamilyOf(string folder)
    {
        try
        {
            var index = Path.Combine(folder, "model_index.json");
            using var document = File.Exists(index) ? StrictJson.Parse(File.ReadAllBytes(index)) : null;
            return document?.RootElement.GetProperty("_class_name").GetString();
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or IOException)
        {
            return null;
        }
    }

    private static string? PrecisionOf(string network)
    {
        try
        {
            return NetworkReport.Read("", network).Precision;
        }
        catch (ModelException)
        {
            return null;
        }
    }
}
