namespace StableDiffusion.Cli;

/// <summary>What a repository holds at one commit.</summary>
/// <param name="Name">The repository, by the name it has now (a renamed one answers to its old name).</param>
/// <param name="Commit">The commit that the revision stands for.</param>
/// <param name="Files">All its files.</param>
internal sealed record HubListing(HubName Name, string Commit, IReadOnlyList<HubFile> Files);
