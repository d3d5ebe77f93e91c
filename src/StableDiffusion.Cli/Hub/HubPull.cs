namespace StableDiffusion.Cli;

/// <summary>Fetches a repository's ONNX pipeline into the cache.</summary>
/// <param name="settings">Where the hub and the cache are.</param>
/// <param name="client">The hub.</param>
/// <param name="log">Where to say what happens.</param>
internal sealed class HubPull(HubSettings settings, HubClient client, ConsoleLog log)
{
    /// <summary>Files that are fetched at the same time.</summary>
    private const int Connections = 4;

    /// <summary>Space that is left free, so that the disk is not filled to the last byte.</summary>
    private const long SpaceToLeave = 64L << 20;

    /// <summary>Fetches what is missing.</summary>
    /// <returns>The snapshot's folder, which can be opened as a model.</returns>
    /// <exception cref="ModelException">It cannot be had.</exception>
    public async Task<string> RunAsync(HubName name, string? variant, IReadOnlyList<string> include, CancellationToken cancellation)
    {
        if (settings.IsOffline)
        {
            throw new ModelException("nothing can be fetched while HF_HUB_OFFLINE is set; unset it.");
        }

        var listing = await client.ListAsync(name, cancellation);
        var selection = PullSelection.Choose(listing, variant, include);
        foreach (var note in selection.Notes)
        {
            log.Warn(note);
        }

        if (listing.Name.Id != name.Id)
        {
            log.Warn($"{name.Id} is called {listing.Name.Id} now.");
        }

        var cache = new HubCache(settings.CacheFolder);
        cache.Create();
        var repository = cache.Of(listing.Name);
        Announce(listing, repository, selection.Files);
        await FetchAsync(listing, repository, selection.Files, cancellation);

        var missing = WeightsStillMissing(listing, repository, selection.Files);
        if (missing.Count > 0)
        {
            await FetchAsync(listing, repository, missing, cancellation);
        }

        // Last, so that a branch never names a commit that is not whole.
        repository.WriteRef(name.Revision, listing.Commit);
        return repository.SnapshotPath(listing.Commit);
    }

    /// <summary>Says how much it is, and refuses what does not fit on the disk.</summary>
    private void Announce(HubListing listing, HubRepository repository, IReadOnlyList<HubFile> files)
    {
        var missing = files.Where(file => !BlobDownload.IsThere(repository.BlobPath(file.Hash), file)).DistinctBy(file => file.Hash).ToList();
        var bytes = missing.Sum(file => file.Size);
        log.Info(missing.Count == 0
            ? $"{listing.Name}: all {files.Count} files are here already ({ByteSize.Of(files.Sum(file => file.Size))})."
            : $"{listing.Name}: fetching {missing.Count} of {files.Count} files, {ByteSize.Of(bytes)}, of the repository's {listing.Files.Count} ({ByteSize.Of(listing.Files.Sum(file => file.Size))}).");
        var free = new DriveInfo(settings.CacheFolder).AvailableFreeSpace;
        if (bytes > 0 && bytes + SpaceToLeave > free + missing.Sum(file => BlobDownload.BytesBegun(repository, file)))
        {
            throw new ModelException(
                $"{listing.Name} takes {ByteSize.Of(bytes)}, and {OneLine.Quote(settings.CacheFolder)} has {ByteSize.Of(free)} left; make room, or set HF_HOME to a folder on another disk.");
        }
    }

    private async Task FetchAsync(HubListing listing, HubRepository repository, IReadOnlyList<HubFile> files, CancellationToken cancellation)
    {
        using var progress = new PullProgress(log, files.Sum(file => file.Size));
        var download = new BlobDownload(client, repository, progress.Add, log.Info);
        // SDXL's two tokenizers have the same files: each is fetched once and lies under both names.
        var order = files.GroupBy(file => file.Hash).OrderByDescending(twins => twins.First().Size).ToList();
        try
        {
            await Parallel.ForEachAsync(
                order,
                new ParallelOptions { MaxDegreeOfParallelism = Connections, CancellationToken = cancellation },
                async (twins, token) =>
                {
                    await download.FetchAsync(listing, twins.First(), token);
                    progress.Add(twins.Skip(1).Sum(file => file.Size));
                    foreach (var file in twins)
                    {
                        repository.Link(listing.Commit, file);
                        progress.Finished(file);
                    }
                });
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ModelException(
                $"{OneLine.Quote(settings.CacheFolder)} cannot be written: {OneLine.Of(error.Message.Split(" : '")[0]).TrimEnd('.')}. What came is kept: make room and run the command again.", error);
        }
    }

    /// <summary>Weights that a graph names and that lie in files nobody would have guessed.</summary>
    private static List<HubFile> WeightsStillMissing(HubListing listing, HubRepository repository, IReadOnlyList<HubFile> files)
    {
        var missing = new List<HubFile>();
        foreach (var network in files.Where(file => file.Name.EndsWith(".onnx", StringComparison.Ordinal)))
        {
            var path = Path.Combine(repository.SnapshotPath(listing.Commit), Path.Combine(network.Path.Split('/')));
            // A graph that is read through links names its weights' files as they are called where they really lie: by their blobs.
            var names = OnnxGraph.Load(path).Initializers.Select(weight => weight.File?.Location).OfType<string>().Distinct()
                .Where(name => name != network.Name && !files.Any(file => file.Hash == name));
            foreach (var name in names.Select(name => network.Folder.Length == 0 ? name : $"{network.Folder}/{name}"))
            {
                if (files.Any(file => file.Path == name))
                {
                    continue;
                }

                missing.Add(listing.Files.FirstOrDefault(file => file.Path == name) ?? throw new ModelException(
                    $"{listing.Name}: {network.Path} names weights in {OneLine.Quote(name)}, which the repository does not have; tell its owner, or take another."));
            }
        }

        return missing;
    }
}
