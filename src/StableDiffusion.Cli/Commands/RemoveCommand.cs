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

            // All names are looked up before anything is removed.
            var found = parsed.GetValue(names)!.SelectMany(text => Find(cache, text)).ToList();
            foreach (var (repository, commit) in found)
            {
                try
                {
                    Console.Out.WriteLine($"{repository.Name.Id}@{HubName.Short(commit)}: {ByteSize.Of(repository.Remove(commit))} free");
                }
                catch (Exception error) when (error is IOException or UnauthorizedAccessException)
                {
                    throw new ModelException($"{repository.SnapshotPath(commit)} cannot be removed: {OneLine.Of(error.Message)}", error);
                }
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static IEnumerable<(HubRepository Repository, string Commit)> Find(HubCache cache, string text)
    {
        var name = HubName.Parse(text);
        var repository = cache.Of(name);
        IReadOnlyList<string> commits = text.Contains('@', StringComparison.Ordinal)
            ? repository.FindSnapshot(name) is { } snapshot ? [Path.GetFileName(snapshot)] : []
            : repository.Commits;
        return commits.Count > 0
            ? commits.Select(commit => (repository, commit))
            : throw new RequestException($"{name} is not in the cache ({cache.Folder}); 'sd list --all' lists what is.");
    }
}
