using System.Text.RegularExpressions;

namespace StableDiffusion.Cli;

/// <summary>A model repository of the hub, at a revision: <c>OWNER/NAME</c> or <c>OWNER/NAME@REVISION</c>.</summary>
/// <param name="Owner">The user or organisation.</param>
/// <param name="Name">The repository.</param>
/// <param name="Revision">A branch, a tag, <c>refs/pr/N</c> or a commit; <c>main</c> unless said otherwise.</param>
internal sealed partial record HubName(string Owner, string Name, string Revision)
{
    public const string MainBranch = "main";

    private const int ShortLength = 12;

    public string Id => $"{Owner}/{Name}";

    /// <summary>As the user writes it: the revision only where it is not the main branch.</summary>
    public override string ToString() => Revision == MainBranch ? Id : $"{Id}@{Revision}";

    /// <summary>Whether the revision is a commit, which never changes.</summary>
    public bool IsCommit => CommitForm().IsMatch(Revision);

    /// <summary>The beginning of a commit or hash, enough to know it by; a folder of the cache may have any name.</summary>
    public static string Short(string hash) => hash.Length <= ShortLength ? hash : hash[..ShortLength];

    /// <summary>Reads a name, or the address of a repository's page.</summary>
    public static HubName? TryParse(string text)
    {
        var match = NameForm().Match(text);
        if (!match.Success)
        {
            match = AddressForm().Match(text);
        }

        if (!match.Success || Part(match, "owner") is not { } owner || Part(match, "name") is not { } name)
        {
            return null;
        }

        var revision = match.Groups["revision"].Value;
        return revision.Contains("..", StringComparison.Ordinal) ? null : new HubName(owner, name, revision.Length > 0 ? revision : MainBranch);
    }

    /// <summary>Reads a name.</summary>
    /// <exception cref="RequestException">It is none.</exception>
    public static HubName Parse(string text) => TryParse(text) ?? throw new RequestException(
        $"{OneLine.Quote(text)} is no name of a repository; write OWNER/NAME or OWNER/NAME@REVISION, such as onnx-community/stable-diffusion-v1-5-ONNX.");

    /// <summary>What the hub allows: letters, digits and <c>-_.</c>, never <c>--</c> (which separates the two in the cache) or <c>..</c>.</summary>
    private static string? Part(Match match, string group)
    {
        var value = match.Groups[group].Value;
        return value.Contains("--", StringComparison.Ordinal) || value.Contains("..", StringComparison.Ordinal) || value[0] is '.' or '-' || value[^1] is '.' or '-'
            ? null
            : value;
    }

    [GeneratedRegex("""^(?<owner>[A-Za-z0-9._-]{1,96})/(?<name>[A-Za-z0-9._-]{1,96})(@(?<revision>[A-Za-z0-9._/-]{1,200}))?$""")]
    private static partial Regex NameForm();

    [GeneratedRegex("""^https?://[^/]+/(?<owner>[A-Za-z0-9._-]{1,96})/(?<name>[A-Za-z0-9._-]{1,96})/?((tree|blob)/(?<revision>[A-Za-z0-9._-]{1,200})/?)?$""")]
    private static partial Regex AddressForm();

    [GeneratedRegex("^[0-9a-f]{40}$")]
    private static partial Regex CommitForm();
}
