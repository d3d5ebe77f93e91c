using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>What earlier runs into a folder have done, so that <c>--resume</c> does the rest.</summary>
internal sealed class DoneJobs
{
    private readonly string _folder;
    private readonly Dictionary<(string Id, string Model, string Inputs), Queue<List<DonePicture>>> _jobs = [];
    private readonly HashSet<string> _paths = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Reads the manifests of a folder. Of several lines for one path the last one counts.</summary>
    public DoneJobs(string folder, IEnumerable<JsonObject> lines)
    {
        _folder = folder;
        var byPath = new Dictionary<string, ((string Id, string Model, string Inputs) Job, int Images, DonePicture Picture)>();
        foreach (var line in lines)
        {
            var path = line["path"]!.GetValue<string>();
            var picture = new DonePicture(path, line["sha256"]!.GetValue<string>(), (int?)line["image"] ?? 0, SeedOf(line, FieldTable.Seed), SeedOf(line, FieldTable.VariationSeed));
            byPath.Remove(path);
            var model = FolderJson.Text(line, "model_id") ?? FolderJson.Text(line, "model") ?? "";
            var inputs = line["inputs"] is { } read ? FolderJson.Text(line, "inputs") ?? read.ToJsonString() : "";
            byPath[path] = (((string)line["id"]!, model, inputs), (int?)line["images"] ?? 1, picture);
            _paths.Add(path);
        }

        foreach (var (job, images, picture) in byPath.Values)
        {
            var same = _jobs.TryGetValue(job, out var found) ? found : _jobs[job] = [];
            if (same.FirstOrDefault(pictures => pictures.Count < images && pictures.TrueForAll(other => other.Image != picture.Image)) is { } begun)
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
    /// <returns>How many of those it wants are on disk and whole, and what is known of all that there were, by their numbers.</returns>
    /// <param name="job">The job.</param>
    /// <param name="model">The model's fingerprint.</param>
    /// <param name="inputs">The content of the files that the job reads; empty for none.</param>
    /// <param name="wanted">The pictures of its seed that it makes.</param>
    public (int Whole, IReadOnlyDictionary<int, DonePicture> Earlier) Take(BatchJob job, string model, string inputs, IReadOnlyList<int> wanted)
    {
        if (!_jobs.TryGetValue((job.Id, model, inputs), out var same) || !same.TryDequeue(out var pictures))
        {
            return (0, new Dictionary<int, DonePicture>());
        }

        var whole = pictures.Count(picture => wanted.Contains(picture.Image) && Manifest.IsWhole(_folder, picture.Path, picture.Sha256));
        return (whole, pictures.ToDictionary(picture => picture.Image));
    }

    private static long? SeedOf(JsonObject line, string name) => line[name] is JsonValue value && value.TryGetValue<ulong>(out var seed) ? unchecked((long)seed) : null;
}

/// <summary>A picture that an earlier run wrote.</summary>
/// <param name="Path">Where, relative to the folder.</param>
/// <param name="Sha256">The hash of its file.</param>
/// <param name="Image">Which picture of its seed, from 0.</param>
/// <param name="Seed">Its seed, which may have been drawn.</param>
/// <param name="VariationSeed">The seed of the noise that was mixed in.</param>
internal sealed record DonePicture(string Path, string Sha256, int Image, long? Seed, long? VariationSeed);
