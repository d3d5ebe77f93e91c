using System.Text.RegularExpressions;

namespace StableDiffusion.Cli;

/// <summary>Where the hub and its cache are, and who asks: the environment variables of the hub's own Python library.</summary>
/// <param name="Endpoint">The hub's address, without a slash at its end (<c>HF_ENDPOINT</c>).</param>
/// <param name="CacheFolder">The cache that all programs share (<c>HF_HUB_CACHE</c>, or <c>hub</c> in <c>HF_HOME</c>).</param>
/// <param name="Token">The access token (<c>HF_TOKEN</c>, or the file that the hub's login command writes); null for none.</param>
/// <param name="IsOffline">Whether no request may be made (<c>HF_HUB_OFFLINE</c>).</param>
internal sealed partial record HubSettings(string Endpoint, string CacheFolder, string? Token, bool IsOffline)
{
    private const string PublicHub = "https://huggingface.co";

    /// <summary>Reads the environment.</summary>
    /// <param name="variable">The value of a variable; null or empty for none.</param>
    /// <exception cref="RequestException">A variable makes no sense.</exception>
    public static HubSettings Read(Func<string, string?> variable)
    {
        string? Of(params ReadOnlySpan<string> names)
        {
            foreach (var name in names)
            {
                if (variable(name) is { Length: > 0 } value)
                {
                    return value;
                }
            }

            return null;
        }

        string Expand(string path) => Variable().Replace(
            path == "~" || path.StartsWith("~/", StringComparison.Ordinal) ? Home(variable) + path[1..] : path,
            match => variable(match.Groups[1].Value + match.Groups[2].Value) ?? match.Value);

        var home = Expand(Of("HF_HOME") ?? Path.Combine(Expand(Of("XDG_CACHE_HOME") ?? "~/.cache"), "huggingface"));
        var cache = Of("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") is { } named ? Expand(named) : Path.Combine(home, "hub");
        var endpoint = (Of("HF_ENDPOINT") ?? PublicHub).TrimEnd('/');
        if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
        {
            throw new RequestException($"HF_ENDPOINT is {OneLine.Quote(endpoint)}; it must be an address that begins with https:// or http://.");
        }

        var token = Of("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") ?? FromFile(Expand(Of("HF_TOKEN_PATH") ?? Path.Combine(home, "token")));
        return new HubSettings(
            endpoint,
            Path.GetFullPath(cache),
            IsTrue(Of("HF_HUB_DISABLE_IMPLICIT_TOKEN")) ? null : CheckedToken(token),
            IsTrue(Of("HF_HUB_OFFLINE")) || IsTrue(Of("TRANSFORMERS_OFFLINE")));
    }

    /// <summary>Reads this process's environment.</summary>
    public static HubSettings Read() => Read(Environment.GetEnvironmentVariable);

    private static string Home(Func<string, string?> variable) => variable("HOME") is { Length: > 0 } home ? home : UserFolder.Home;

    private static bool IsTrue(string? value) => value?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE";

    private static string? FromFile(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllText(path) : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null; // as the Python library: what needs no token still works, and the hub says when one is missing
        }
    }

    /// <summary>The token as it goes into a header: trimmed, and free of what would break the header.</summary>
    private static string? CheckedToken(string? token) => token?.Trim() switch
    {
        null or "" => null,
        var one when one.All(c => c is > ' ' and < '\u007f') => one,
        _ => throw new RequestException("the hub's token (HF_TOKEN or the token file) has characters that no token has; set it again."),
    };

    [GeneratedRegex("""\$(?:(\w+)|\{(\w+)\})""")]
    private static partial Regex Variable();
}
