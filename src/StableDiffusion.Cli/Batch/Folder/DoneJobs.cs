using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>What earlier runs into a folder have done, so that <c>--resume</c> does the rest.</summary>
internal sealed class DoneJobs
{
    private readonly string _folder;
    private readonly Dictionary<(string Id, string Model), Queue<List<DonePicture>>> _jobs = [];
    private readonly HashSet<string> _paths = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Reads the manifests of a folder. Of several lines for one path the last one counts.</summary>
    public DoneJobs(string folder, IEnumerable<JsonObject> lines)
    {
        _folder = folder;
        var byPath = new Dictionary<string, (string Id, string Model, int Images, DonePicture Picture)>();
        foreach (var line in lines)
        {
            var path = line["path"]!.GetValue<string>();
            var picture = new DonePicture(path, line["sha256"]!.GetValue<string>(), (int?)line["image"] ?? 0);
            byPath.Remove(path);
            byPath[path] = ((string)line["id"]!, (string?)line["model"] ?? "", (int?)line["images"] ?? 1, picture);
            _paths.Add(path);
        }

        foreach (var (id, model, images, picture) in byPath.Values)
        {
            var same = _jobs.TryGetValue((id, model), out var found) ? found : _jobs[(id, model)] = [];
            if (same.FirstOrDefault(job => job.Count < images && job.TrueForAll(other => other.Image != picture.Image)) is { } begun)
            {
                begun.Add(picture);
            }
            else
            {
                same.Enqueue([picture]);
            }
        }
    }

    /// <summary>Whether a picture of an earlier run has this name, be it there or not.</summary>
    public bool Owns(string relativePath) => _paths.Contains(relativePath);

    /// <summary>Takes the pictures of a job; each earlier picture is taken once, so that a batch may ask for the same job twice.</summary>
    /// <returns>Those that are on disk and whole, and the names of all of them.</returns>
    public (int Whole, IReadOnlyDictionary<int, string> Paths) Take(BatchJob job, string model, int images)
    {
        if (!_jobs.TryGetValue((job.Id, model), out var same) || !same.TryDequeue(out var pictures))
        {
            return (0, new Dictionary<int, string>());
        }

        var whole = pictures.Count(picture => picture.Image < images && Manifest.IsWhole(_folder, picture.Path, picture.Sha256));
        return (whole, pictures.ToDictionary(picture => picture.Image, picture => picture.Path));
    }

    private sealed record DonePicture(string Path, string Sha256, int Image);
}
