using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary><c>rm</c>: removes models from the hub's cache.</summary>
internal static class RemoveCommand
{
    public static Command Create()
    {
        var names = new Argument<string[]>("model") { Description = "OWNER/NAME for all that is cached of it, or OWNER/NAME@REVISION.", Arity = ArgumentArity.OneOrMore };
        var command = new Command(
            "rm", "Removes models from the hub's cache. Files that another snapshot uses stay; so do models of other programs that are not named. Example:\n  sd rm someone/a-model") { names };
        command.SetAction(parsed =>
        {
            var cache = new HubCache(HubSettings.Read().CacheFolder);

            // All names are looked up before anything is removed, and what two of them stand for is removed once.
            var found = parsed.GetValue(names)!.SelectMany(text => Find(cache, text)).DistinctBy(one => (one.Repository.Folder, one.Commit)).ToList();
            foreach (var (repository, commit) in found)
            {
                var what = commit is null ? repository.Name.Id : $"{repository.Name.Id}@{HubName.Short(commit)}";
                try
                {
                    Console.Out.WriteLine($"{what}: {ByteSize.Of(commit is null ? repository.RemoveAll() : repository.Remove(commit))} free");
                }
                catch (Exception error) when (error is IOException or UnauthorizedAccessException)
                {
                    throw new ModelException($"{(commit is null ? repository.Folder : repository.SnapshotPath(commit))} cannot be removed: {OneLine.Of(error.Message)}", error);
                }
            }

            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>The snapshots that a name stands for; null for a repository of which no file has been fetched to its end.</summary>
    private static IEnumerable<(HubRepository Repository, string? Commit)> Find(HubCache cache, string text)
    {
        var name = HubName.Parse(text);
        var repository = cache.Of(name);
        IReadOnlyList<string?> commits = text.Contains('@', StringComparison.Ordinal)
            ? repository.FindSnapshot(name) is { } snapshot ? [Path.GetFileName(snapshot)] : []
            : repository.Exists ? [.. repository.Commits.DefaultIfEmpty<string?>(null)] : [];
        return commits.Count > 0
            ? commits.Select(commit => (repository, commit))
            : throw new RequestException($"{name} is not in the cache ({cache.Folder}); 'sd list --all' lists what is.");
    }
}
