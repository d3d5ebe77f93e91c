using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Reflection;
using System.Text.Json;

namespace StableDiffusion.Cli;

/// <summary>
/// The hub over HTTP: what a repository holds, and the bytes of its files. Follows redirects itself, since the token must not leave the
/// hub's own host; waits and tries again where the hub says so. Proxies are taken from <c>HTTPS_PROXY</c>, <c>NO_PROXY</c> and so on.
/// </summary>
/// <remarks>Endpoints and headers: the hub's HTTP documentation and its Python library, huggingface_hub, <c>file_download.py</c> and <c>hf_api.py</c>.</remarks>
internal sealed class HubClient : IDisposable
{
    private const int MostRedirects = 10;
    private const int MostTries = 6;
    private const int MostPages = 10_000;

    private static readonly TimeSpan _longestWait = TimeSpan.FromMinutes(6);
    private readonly HubSettings _settings;
    private readonly Action<string> _say;
    private readonly HttpClient _http;

    /// <param name="settings">Where the hub is, and who asks.</param>
    /// <param name="say">Told when a wait is long.</param>
    /// <param name="firstWait">The wait before the second try, doubled with each further one; one second unless given.</param>
    public HubClient(HubSettings settings, Action<string> say, TimeSpan? firstWait = null)
    {
        _settings = settings;
        _say = say;
        FirstWait = firstWait ?? TimeSpan.FromSeconds(1);
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(20), UseCookies = false })
        {
            Timeout = Timeout.InfiniteTimeSpan, // a file may take hours; a stalled one is noticed by its reader
        };
        var version = typeof(HubClient).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("sd", version));
        _http.DefaultRequestHeaders.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
    }

    /// <summary>The wait before the second try.</summary>
    public TimeSpan FirstWait { get; }

    /// <summary>How long an answer, or the next bytes of one, may take.</summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromSeconds(60);

    /// <summary>What the repository holds.</summary>
    /// <exception cref="ModelException">There is no such repository or revision, or the hub does not answer; the message says what to do.</exception>
    public async Task<HubListing> ListAsync(HubName name, CancellationToken cancellation)
    {
        var (commit, id) = await FindCommitAsync(name, cancellation);
        var now = id is not null && HubName.TryParse(id) is { } renamed ? renamed with { Revision = name.Revision } : name;
        var files = new List<HubFile>();
        Uri? page = new($"{_settings.Endpoint}/api/models/{now.Id}/tree/{commit}?recursive=true&expand=false");
        for (var pages = 0; page is not null; pages++)
        {
            if (pages == MostPages)
            {
                throw new ModelException($"the hub's list of {now.Id} does not end; report it to {_settings.Endpoint}.");
            }

            using var answer = await SendAsync(page, now, null, cancellation);
            using var document = await ReadJsonAsync(answer, cancellation);
            files.AddRange(document.RootElement.ValueKind == JsonValueKind.Array
                ? document.RootElement.EnumerateArray().Where(entry => Text(entry, "type") == "file").Select(entry => ReadFile(entry, now))
                : throw NoHub(page));
            page = NextPage(answer);
        }

        return new HubListing(now, commit, files);
    }

    /// <summary>Opens a file's bytes from <paramref name="position"/> on; the caller disposes the answer and looks at its status, 200 or 206.</summary>
    /// <exception cref="ModelException">The hub refuses.</exception>
    /// <exception cref="HttpRequestException">The connection failed; may be tried again.</exception>
    public async Task<HttpResponseMessage> OpenAsync(HubListing listing, HubFile file, long position, CancellationToken cancellation)
    {
        var path = string.Join('/', file.Path.Split('/').Select(Uri.EscapeDataString));
        var address = new Uri($"{_settings.Endpoint}/{listing.Name.Id}/resolve/{listing.Commit}/{path}");
        return await SendAsync(address, listing.Name, position > 0 ? new RangeHeaderValue(position, null) : null, cancellation, file);
    }

    public void Dispose() => _http.Dispose();

    /// <summary>The commit of a revision, and the name that the repository has now.</summary>
    private async Task<(string Commit, string? Id)> FindCommitAsync(HubName name, CancellationToken cancellation)
    {
        var address = new Uri($"{_settings.Endpoint}/api/models/{name.Id}/revision/{Uri.EscapeDataString(name.Revision)}");
        using var answer = await SendAsync(address, name, null, cancellation);
        using var document = await ReadJsonAsync(answer, cancellation);
        var commit = Text(document.RootElement, "sha");
        return commit is not null && (name with { Revision = commit }).IsCommit
            ? (commit, Text(document.RootElement, "id") ?? Text(document.RootElement, "modelId"))
            : throw NoHub(address);
    }

    /// <summary>Sends until there is an answer worth reading: redirects followed, waits waited, refusals thrown.</summary>
    private async Task<HttpResponseMessage> SendAsync(
        Uri address, HubName name, RangeHeaderValue? range, CancellationToken cancellation, HubFile? file = null)
    {
        var wait = FirstWait;
        for (var attempt = 1; ; attempt++)
        {
            HttpResponseMessage answer;
            try
            {
                answer = await FollowAsync(address, range, file, cancellation);
            }
            catch (Exception error) when (IsPassing(error, cancellation))
            {
                if (attempt == MostTries)
                {
                    throw new ModelException($"{address.Host} cannot be reached: {Innermost(error)} Check the network, HF_ENDPOINT and HTTPS_PROXY.", error);
                }

                await Task.Delay(wait, cancellation);
                wait *= 2;
                continue;
            }

            if (answer.IsSuccessStatusCode || answer.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
            {
                return answer;
            }

            using (answer)
            {
                if (!IsBusy(answer.StatusCode) || attempt == MostTries)
                {
                    throw await HubRefusal.OfAsync(answer, name, file, _settings, cancellation);
                }

                var asked = WaitAsked(answer);
                if (asked > _longestWait)
                {
                    throw await HubRefusal.OfAsync(answer, name, file, _settings, cancellation);
                }

                var pause = asked ?? wait;
                if (pause >= TimeSpan.FromSeconds(5))
                {
                    _say(string.Create(CultureInfo.InvariantCulture, $"the hub asks to wait {pause.TotalSeconds:0} s ({(int)answer.StatusCode})."));
                }

                await Task.Delay(pause, cancellation);
                wait *= 2;
            }
        }
    }

    private async Task<HttpResponseMessage> FollowAsync(Uri address, RangeHeaderValue? range, HubFile? file, CancellationToken cancellation)
    {
        var hub = new Uri(_settings.Endpoint);
        for (var redirects = 0; ; redirects++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            request.Headers.Range = range;
            if (_settings.Token is { } token && (address.Scheme, address.Host, address.Port) == (hub.Scheme, hub.Host, hub.Port))
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            }

            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            patience.CancelAfter(Patience);
            var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience.Token);
            if (file is not null && StatedHash(answer) is { } hash && hash != file.Hash)
            {
                answer.Dispose();
                throw new ModelException($"{file.Path} changed on the hub while it was being fetched; run the command again.");
            }

            if ((int)answer.StatusCode is not (301 or 302 or 303 or 307 or 308) || answer.Headers.Location is not { } location)
            {
                if (file is null && answer.IsSuccessStatusCode)
                {
                    await ReceiveWholeAsync(answer, patience.Token);
                }

                return answer;
            }

            answer.Dispose();
            var next = new Uri(address, location);
            if (redirects == MostRedirects || next.Scheme is not ("http" or "https") || (address.Scheme == "https" && next.Scheme == "http"))
            {
                throw new ModelException($"{address.Host} redirects to where this program does not follow ({OneLine.Of(next.GetLeftPart(UriPartial.Authority))}).");
            }

            address = next;
        }
    }

    /// <summary>What is no file is read at once: an answer that stalls or breaks off is asked for again like one that never came.</summary>
    private static async Task ReceiveWholeAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        try
        {
            await answer.Content.LoadIntoBufferAsync(cancellation);
        }
        catch
        {
            answer.Dispose();
            throw;
        }
    }

    /// <summary>The hash that the hub states for a file; other hosts' ETags have forms of their own.</summary>
    private static string? StatedHash(HttpResponseMessage answer) =>
        answer.Headers.TryGetValues("X-Linked-Etag", out var values) ? values.First().Replace("W/", "", StringComparison.Ordinal).Trim('"') : null;

    private static bool IsBusy(HttpStatusCode status) => (int)status is 408 or 429 or 500 or 502 or 503 or 504;

    private static TimeSpan? WaitAsked(HttpResponseMessage answer)
    {
        // RateLimit: "api";r=0;t=55 (seconds until the window is over)
        if (answer.Headers.TryGetValues("RateLimit", out var limits)
            && limits.First().Split(';').Select(part => part.Trim()).FirstOrDefault(part => part.StartsWith("t=", StringComparison.Ordinal)) is { } left
            && int.TryParse(left[2..], NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            && answer.StatusCode == HttpStatusCode.TooManyRequests)
        {
            return TimeSpan.FromSeconds(seconds + 1);
        }

        return answer.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } when date > DateTimeOffset.UtcNow => date - DateTimeOffset.UtcNow,
            _ => null,
        };
    }

    /// <summary>Whether an exception is of the network, and not the user's Ctrl-C.</summary>
    internal static bool IsPassing(Exception error, CancellationToken cancellation) =>
        !cancellation.IsCancellationRequested && error is HttpRequestException or IOException or OperationCanceledException;

    private static string Innermost(Exception error)
    {
        while (error.InnerException is { } inner)
        {
            error = inner;
        }

        return error is OperationCanceledException ? "it does not answer." : OneLine.Of(error.Message).TrimEnd('.') + ".";
    }

    private Uri? NextPage(HttpResponseMessage answer)
    {
        if (!answer.Headers.TryGetValues("Link", out var links))
        {
            return null;
        }

        // <https://…?cursor=…>; rel="next"
        var next = links.SelectMany(line => line.Split(',')).FirstOrDefault(link => link.Contains("rel=\"next\"", StringComparison.Ordinal));
        var (start, end) = (next?.IndexOf('<') ?? -1, next?.IndexOf('>') ?? -1);
        return start >= 0 && end > start ? new Uri(new Uri(_settings.Endpoint), next![(start + 1)..end]) : null;
    }

    private async Task<JsonDocument> ReadJsonAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        try
        {
            return StrictJson.Parse(await answer.Content.ReadAsByteArrayAsync(cancellation));
        }
        catch (JsonException)
        {
            throw NoHub(answer.RequestMessage!.RequestUri!);
        }
    }

    private static HubFile ReadFile(JsonElement entry, HubName name)
    {
        // Whatever has the wrong type counts as missing.
        var large = entry.TryGetProperty("lfs", out var lfs) && lfs.ValueKind == JsonValueKind.Object ? lfs : (JsonElement?)null;
        var hash = (large is { } one ? Text(one, "oid") ?? Text(one, "sha256") : Text(entry, "oid"))?.ToLowerInvariant();
        var size = (large ?? entry).TryGetProperty("size", out var bytes) && bytes.ValueKind == JsonValueKind.Number && bytes.TryGetInt64(out var number) ? number : -1;
        var file = new HubFile(Text(entry, "path") ?? "", size, hash ?? "");
        return file.IsSafe ? file : throw new ModelException($"{name.Id} lists a file that cannot be kept here: {OneLine.Quote(file.Path)}.");
    }

    private static string? Text(JsonElement element, string key) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private ModelException NoHub(Uri address) =>
        new($"{OneLine.Of(address.GetLeftPart(UriPartial.Authority))} does not answer as the hub does; is HF_ENDPOINT ({_settings.Endpoint}) right, or a proxy in the way?");
}
