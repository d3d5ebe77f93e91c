using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary><c>batch merge</c>: the manifests of all shards in one, every picture checked.</summary>
internal static class MergeCommand
{
    public static Command Create()
    {
        var folder = new Argument<string>("folder") { Description = "The folder that the shards painted into." };
        var merge = new Command("merge", "Checks all pictures of a folder's manifests and joins these in manifest.jsonl, in order. Exit code 1 if a picture is torn or gone, or a line not understood. Example:\n  sd batch merge out/") { folder };
        merge.SetAction(parsed => Run(parsed.GetValue(folder)!));
        return merge;
    }

    private static int Run(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new RequestException($"there is no folder {OneLine.Quote(folder)}.");
        }

        if (!Manifest.IsIn(folder))
        {
            throw new RequestException($"{OneLine.Quote(folder)} has no manifest, so no batch was painted into it; give the folder that batch was given with --output.");
        }

        using var alone = BatchLock.Take(folder, shard: null);
        var byPath = new Dictionary<string, JsonObject>();
        var isUnderstood = true;
        foreach (var line in Manifest.Read(folder))
        {
            if (line.Entry is { } entry)
            {
                byPath[(string)entry["path"]!] = entry;
                continue;
            }

            isUnderstood = false;
            Console.Error.WriteLine($"error: {line.Place} is no manifest line of a picture in this folder; mend it or take it out. No manifest is changed.");
        }

        if (!isUnderstood)
        {
            return ExitCode.Failed;
        }

        var whole = new List<JsonObject>();
        foreach (var (path, line) in byPath)
        {
            if (Manifest.IsWhole(folder, path, (string)line["sha256"]!))
            {
                whole.Add(line);
            }
            else
            {
                Console.Error.WriteLine($"error: {OneLine.Quote(Path.Combine(folder, path))} is torn or gone.");
            }
        }

        var ordered = whole.OrderBy(line => (long?)line["index"] ?? 0).ThenBy(line => (long?)line["image"] ?? 0);
        var manifest = Path.Combine(folder, Manifest.NameOf(shard: null));
        AtomicFile.Write(manifest, stream =>
        {
            foreach (var line in ordered)
            {
                stream.Write(Encoding.UTF8.GetBytes(ResultJson.ToText(line) + "\n"));
            }
        });
        Console.Out.WriteLine(manifest);
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{whole.Count} pictures, {byPath.Count - whole.Count} torn or gone"));
        return whole.Count == byPath.Count ? ExitCode.Done : ExitCode.Failed;
    }
}
