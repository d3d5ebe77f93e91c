using System.Globalization;
using System.Text.Json;

namespace StableDiffusion.Cli;

/// <summary>Why the hub refuses, in one line that says what to do.</summary>
/// <remarks>Statuses and headers: huggingface_hub, <c>utils/_http.py</c>, <c>hf_raise_for_status</c>.</remarks>
internal static class HubRefusal
{
    private const int LongestReason = 300;

    public static async Task<ModelException> OfAsync(
        HttpResponseMessage answer, HubName name, HubFile? file, HubSettings settings, CancellationToken cancellation)
    {
        var code = Header(answer, "X-Error-Code");
        var reason = Header(answer, "X-Error-Message") ?? await ReasonAsync(answer, cancellation);
        var status = (int)answer.StatusCode;
        var page = $"{settings.Endpoint}/{name.Id}";
        var logIn = settings.Token is null ? " and set HF_TOKEN to a token of yours" : "; the token that is set has no access yet";
        return new ModelException((code, status) switch
        {
            ("RevisionNotFound", _) => $"{name.Id} has no revision '{OneLine.Of(name.Revision)}'; look at {page}/tree/main for its branches and tags.",
            ("EntryNotFound", _) => $"{name} has no file {file?.Path}; it may have changed: run the command again.",
            ("GatedRepo", _) => $"{name.Id} is gated: accept its licence at {page}{logIn}.",
            _ when reason?.Contains("access to this resource is disabled", StringComparison.OrdinalIgnoreCase) == true =>
                $"{name.Id} is disabled by the hub; take another repository.",
            (_, 401) when reason?.Contains("Invalid credentials", StringComparison.OrdinalIgnoreCase) == true || (code is null && settings.Token is not null) =>
                "the hub does not accept the token that is set (HF_TOKEN or the token file); log in again or unset it.",
            ("RepoNotFound", _) or (_, 401) =>
                $"{name.Id} does not exist, or is private{(settings.Token is null ? "; if it is yours, set HF_TOKEN" : " and your token has no access")}. Check the name at {page}.",
            (_, 403) => $"the hub denies access to {name.Id}{Because(reason)}; check the rights of your token.",
            (_, 404) => $"{name.Id} does not exist at {settings.Endpoint}; check the name.",
            (_, 429) => $"the hub's limit of requests is reached; try again in a few minutes{(settings.Token is null ? ", or set HF_TOKEN, which allows more" : "")}.",
            (_, >= 500) => $"the hub is out of order ({status.ToString(CultureInfo.InvariantCulture)}{Because(reason)}); try again later.",
            _ => $"the hub refuses {name.Id} ({status.ToString(CultureInfo.InvariantCulture)}{Because(reason)}).",
        });
    }

    private static string Because(string? reason) => reason is { Length: > 0 } ? $": {reason.TrimEnd('.')}" : "";

    private static string? Header(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) ? Short(values.First()) : null;

    private static async Task<string?> ReasonAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(HubClient.Patience);
        try
        {
            if (answer.Content.Headers.ContentType?.MediaType != "application/json" || answer.Content.Headers.ContentLength > 1 << 20)
            {
                return null;
            }

            using var document = StrictJson.Parse(await answer.Content.ReadAsByteArrayAsync(patience.Token));
            return document.RootElement.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.String ? Short(error.GetString()!) : null;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException || HubClient.IsPassing(error, cancellation))
        {
            return null;
        }
    }

    private static string Short(string text) => OneLine.Of(text.Length > LongestReason ? text[..LongestReason] + "…" : text);
}
