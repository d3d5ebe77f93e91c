using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary>
/// A hub on loopback, as its HTTP documentation and huggingface_hub's client describe it: revision, paged tree, resolve with a redirect of
/// large files to another host, ETags, ranges. It can refuse, stall and cut connections.
/// </summary>
internal sealed class TestHub : IDisposable
{
    private const int PageSize = 3;

    private readonly TcpListener _hub = new(IPAddress.Loopback, 0);
    private readonly TcpListener _store = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();

    public TestHub()
    {
        _hub.Start();
        _store.Start();
        _ = AcceptAsync(_hub, Answer);
        _ = AcceptAsync(_store, AnswerOfStore);
    }

    public string Endpoint => $"http://127.0.0.1:{((IPEndPoint)_hub.LocalEndpoint).Port}";

    private string Store => $"http://127.0.0.1:{((IPEndPoint)_store.LocalEndpoint).Port}";

    public string Id { get; set; } = "someone/tiny-model";

    /// <summary>A name that the repository had before.</summary>
    public string? OldId { get; set; }

    public string Commit { get; set; } = new('a', 40);

    /// <summary>Path → content, and whether it lies in large-file storage.</summary>
    public Dictionary<string, (byte[] Content, bool IsLarge)> Files { get; } = [];

    /// <summary>A large file of zeros alone: path, bytes, SHA-256. It is sent as it is asked for and never held.</summary>
    public (string Path, long Length, string Hash)? Zeros { get; set; }

    /// <summary>All requests: host (hub or store), path, whether a token came along, the range.</summary>
    public ConcurrentQueue<(string Host, string Path, bool HasToken, string? Range)> Requests { get; } = [];

    /// <summary>Where to cut each answer of a file, in bytes of its body; null for whole.</summary>
    public Func<long, long?> Cut { get; set; } = _ => null;

    /// <summary>How many of the next lists and revisions break off in the middle.</summary>
    public int BrokenLists { get; set; }

    public bool HasRanges { get; set; } = true;

    /// <summary>Called for each request; a status with headers and body to answer instead.</summary>
    public Func<string, (int Status, string Headers, string Body)?> Refuse { get; set; } = _ => null;

    /// <summary>Changes the bytes that are sent.</summary>
    public Func<string, byte[], byte[]> Send { get; set; } = (_, content) => content;

    public void Add(string path, byte[] content, bool isLarge = false) => Files[path] = (content, isLarge);

    /// <summary>The name of a blob: SHA-256 of a large file, git's blob SHA-1 of a small one.</summary>
    public static string HashOf(byte[] content, bool isLarge)
    {
        using var hash = IncrementalHash.CreateHash(isLarge ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1);
        hash.AppendData(isLarge ? [] : Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {content.Length}\0")));
        hash.AppendData(content);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    public void Dispose()
    {
        _end.Cancel();
        _hub.Dispose();
        _store.Dispose();
        _end.Dispose();
    }

    private async Task AcceptAsync(TcpListener listener, Action<Stream, string, Dictionary<string, string>> answer)
    {
        while (true)
        {
            TcpClient client;
            try
            {
                client = await listener.AcceptTcpClientAsync(_end.Token);
            }
            catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }

            _ = Task.Run(() => Serve(client, answer), CancellationToken.None);
        }
    }

    private static void Serve(TcpClient client, Action<Stream, string, Dictionary<string, string>> answer)
    {
        using (client)
        {
            try
            {
                using var stream = client.GetStream();
                using var reader = new StreamReader(stream, Encoding.ASCII, false, 1024, leaveOpen: true);
                var path = reader.ReadLine()?.Split(' ')[1];
                var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
                while (reader.ReadLine() is { Length: > 0 } line)
                {
                    var colon = line.IndexOf(':', StringComparison.Ordinal);
                    headers[line[..colon]] = line[(colon + 1)..].Trim();
                }

                if (path is not null)
                {
                    answer(stream, path, headers);
                }
            }
            catch (IOException)
            {
                // the client left
            }
        }
    }

    private void Note(string host, string path, Dictionary<string, string> headers) =>
        Requests.Enqueue((host, path, headers.ContainsKey("Authorization"), headers.GetValueOrDefault("Range")));

    private void Answer(Stream stream, string path, Dictionary<string, string> headers)
    {
        Note("hub", path, headers);
        if (Refuse(path) is { } refusal)
        {
            Write(stream, refusal.Status, refusal.Headers + "Content-Type: application/json\r\n", Encoding.UTF8.GetBytes(refusal.Body));
            return;
        }

        if (OldId is { } old && path.Contains(old, StringComparison.Ordinal))
        {
            Write(stream, 307, $"Location: {path.Replace(old, Id, StringComparison.Ordinal)}\r\n", []);
            return;
        }

        var parts = path.Split('?')[0];
        if (parts.StartsWith($"/api/models/{Id}/revision/", StringComparison.Ordinal))
        {
            WriteJson(stream, "", new JsonObject { ["id"] = Id, ["sha"] = Commit });
        }
        else if (parts == $"/api/models/{Id}/tree/{Commit}")
        {
            AnswerTree(stream, path);
        }
        else if (Zeros is { } zeros && parts == $"/{Id}/resolve/{Commit}/{zeros.Path}")
        {
            Write(stream, 302, $"Location: {Store}{parts}\r\nX-Repo-Commit: {Commit}\r\nX-Linked-Etag: \"{zeros.Hash}\"\r\nX-Linked-Size: {zeros.Length}\r\n", []);
        }
        else if (parts.StartsWith($"/{Id}/resolve/{Commit}/", StringComparison.Ordinal)
            && Files.TryGetValue(Uri.UnescapeDataString(parts[$"/{Id}/resolve/{Commit}/".Length..]), out var file))
        {
            var hash = HashOf(file.Content, file.IsLarge);
            if (file.IsLarge)
            {
                Write(stream, 302, $"Location: {Store}{parts}\r\nX-Repo-Commit: {Commit}\r\nX-Linked-Etag: \"{hash}\"\r\nX-Linked-Size: {file.Content.Length}\r\n", []);
            }
            else
            {
                WriteFile(stream, parts, headers, $"X-Repo-Commit: {Commit}\r\nETag: \"{hash}\"\r\n", Send(parts, file.Content));
            }
        }
        else
        {
            Write(stream, 404, "X-Error-Code: RepoNotFound\r\n", []);
        }
    }

    private void AnswerTree(Stream stream, string path)
    {
        var start = path.Contains("cursor=", StringComparison.Ordinal) ? int.Parse(path.Split("cursor=")[1], CultureInfo.InvariantCulture) : 0;
        var folders = Files.Keys.Where(name => name.Contains('/')).Select(name => name[..name.LastIndexOf('/')]).Distinct()
            .Select(folder => (JsonNode)new JsonObject { ["type"] = "directory", ["oid"] = new string('0', 40), ["size"] = 0, ["path"] = folder });
        var files = Files.Select(file =>
        {
            var entry = new JsonObject { ["type"] = "file", ["oid"] = HashOf(file.Value.Content, false), ["size"] = file.Value.Content.Length, ["path"] = file.Key };
            if (file.Value.IsLarge)
            {
                entry["lfs"] = new JsonObject { ["oid"] = HashOf(file.Value.Content, true), ["size"] = file.Value.Content.Length, ["pointerSize"] = 130 };
            }

            return (JsonNode)entry;
        });
        var large = Zeros is { } zeros
            ? new JsonObject { ["type"] = "file", ["oid"] = new string('0', 40), ["size"] = zeros.Length, ["path"] = zeros.Path, ["lfs"] = new JsonObject { ["oid"] = zeros.Hash, ["size"] = zeros.Length } }
            : null;
        var all = folders.Concat(files).Concat(large is null ? [] : [large]).ToList();
        var more = start + PageSize < all.Count;
        WriteJson(
            stream,
            more ? $"Link: <{Endpoint}/api/models/{Id}/tree/{Commit}?recursive=true&cursor={start + PageSize}>; rel=\"next\"\r\n" : "",
            new JsonArray([.. all.Skip(start).Take(PageSize)]));
    }

    private void AnswerOfStore(Stream stream, string path, Dictionary<string, string> headers)
    {
        Note("store", path, headers);
        if (Zeros is { } zeros && path.EndsWith(zeros.Path, StringComparison.Ordinal))
        {
            WriteZeros(stream, zeros.Length, headers);
            return;
        }

        var name = Uri.UnescapeDataString(path[(path.IndexOf(Commit, StringComparison.Ordinal) + Commit.Length + 1)..]);
        WriteFile(stream, path, headers, "ETag: \"not-a-hash-of-ours-2\"\r\n", Send(path, Files[name].Content));
    }

    private void WriteZeros(Stream stream, long length, Dictionary<string, string> headers)
    {
        var start = headers.TryGetValue("Range", out var range) ? long.Parse(range["bytes=".Length..].TrimEnd('-'), CultureInfo.InvariantCulture) : 0;
        var head = start > 0 ? $"206 Partial Content\r\nContent-Range: bytes {start}-{length - 1}/{length}\r\n" : "200 OK\r\n";
        stream.Write(Encoding.ASCII.GetBytes($"HTTP/1.1 {head}Content-Length: {length - start}\r\nConnection: close\r\n\r\n"));
        var zeros = new byte[1 << 20];
        for (var left = Math.Min(Cut(length - start) ?? long.MaxValue, length - start); left > 0; left -= Math.Min(left, zeros.Length))
        {
            stream.Write(zeros.AsSpan(0, (int)Math.Min(left, zeros.Length)));
        }
    }

    private void WriteFile(Stream stream, string path, Dictionary<string, string> headers, string more, byte[] content)
    {
        var start = HasRanges && headers.TryGetValue("Range", out var range) ? long.Parse(range["bytes=".Length..].TrimEnd('-'), CultureInfo.InvariantCulture) : 0;
        if (start >= content.Length && start > 0)
        {
            Write(stream, 416, "", []);
            return;
        }

        var body = content.AsSpan((int)start);
        var head = start > 0 ? $"206 Partial Content\r\nContent-Range: bytes {start}-{content.Length - 1}/{content.Length}\r\n" : "200 OK\r\n";
        stream.Write(Encoding.ASCII.GetBytes($"HTTP/1.1 {head}{more}Content-Length: {body.Length}\r\nConnection: close\r\n\r\n"));
        var cut = (int)Math.Min(Cut(body.Length) ?? body.Length, body.Length);
        stream.Write(body[..cut]);
        _ = path;
    }

    private void WriteJson(Stream stream, string headers, JsonNode body)
    {
        var bytes = Encoding.UTF8.GetBytes(body.ToJsonString());
        Write(stream, 200, headers + "Content-Type: application/json\r\n", bytes, BrokenLists-- > 0 ? bytes.Length / 2 : bytes.Length);
    }

    private static void Write(Stream stream, int status, string headers, byte[] body, int? sent = null)
    {
        stream.Write(Encoding.ASCII.GetBytes(
            string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {status} X\r\n{headers}Content-Length: {body.Length}\r\nConnection: close\r\n\r\n")));
        stream.Write(body.AsSpan(0, sent ?? body.Length));
    }
}
