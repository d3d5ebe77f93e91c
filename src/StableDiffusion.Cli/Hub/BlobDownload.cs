using System.Buffers;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace StableDiffusion.Cli;

/// <summary>
/// Fetches one file into the cache: bytes go to a file of another name, which a later run goes on with; only when size and hash are right
/// does it get its name. Two programs that fetch the same file share it: one fetches, the other waits.
/// </summary>
/// <param name="client">The hub.</param>
/// <param name="repository">Where to.</param>
/// <param name="progress">Told how many bytes came, or (below 0) went because a server began anew.</param>
/// <param name="say">Told what a user would wonder about.</param>
internal sealed class BlobDownload(HubClient client, HubRepository repository, Action<long> progress, Action<string> say)
{
    /// <summary>Tries in a row that brought no byte before the file is given up.</summary>
    private const int MostIdleTries = 6;

    private const int BufferBytes = 1 << 20;

    /// <summary>The end of an unfinished file's name. Not that of the Python library, which deletes its own.</summary>
    private const string Unfinished = ".sd-incomplete";

    /// <summary>Makes sure that the blob lies in the cache.</summary>
    /// <exception cref="ModelException">It cannot be had, or is not what the hub says it is.</exception>
    public async Task FetchAsync(HubListing listing, HubFile file, CancellationToken cancellation)
    {
        var blob = repository.BlobPath(file.Hash);
        if (!IsThere(blob, file))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(blob)!);
            using var held = await repository.LockAsync(file.Hash, () => say($"{file.Path}: another program is fetching it; waiting for that."), cancellation);
            if (!IsThere(blob, file))
            {
                await FetchUnderLockAsync(listing, file, blob + Unfinished, cancellation);
                File.Move(blob + Unfinished, blob, overwrite: true);
                return;
            }
        }

        progress(file.Size);
    }

    /// <summary>Whether the blob is whole, as far as its size can tell; programs of this layout never give a file its name before.</summary>
    public static bool IsThere(string blob, HubFile file) => new FileInfo(blob) is { Exists: true } info && info.Length == file.Size;

    /// <summary>Bytes of an unfinished download that a further run goes on from.</summary>
    public static long BytesBegun(HubRepository repository, HubFile file) =>
        new FileInfo(repository.BlobPath(file.Hash) + Unfinished) is { Exists: true } partial ? Math.Min(partial.Length, file.Size) : 0;

    private async Task FetchUnderLockAsync(HubListing listing, HubFile file, string partial, CancellationToken cancellation)
    {
        // Bytes of an earlier run may be wrong; then everything is fetched once more, and only then given up.
        for (var isSecond = false; ; isSecond = true)
        {
            await using (var stream = new FileStream(partial, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0))
            {
                using var hash = Hash(file);
                await ReceiveAsync(listing, file, stream, hash, cancellation);
                if (Convert.ToHexStringLower(hash.GetHashAndReset()) == file.Hash)
                {
                    stream.Flush(flushToDisk: true);
                    return;
                }

                progress(-stream.Length);
            }

            File.Delete(partial);
            if (isSecond)
            {
                throw new ModelException(
                    $"{file.Path} arrived twice with another hash than the hub states ({HubName.Short(file.Hash)}…), and was thrown away; try again later, or without the proxy or mirror.");
            }

            say($"{file.Path}: the bytes are not what the hub states; fetching it once more.");
        }
    }

    /// <summary>Receives until the file has its size, going on where a connection broke.</summary>
    private async Task ReceiveAsync(HubListing listing, HubFile file, FileStream stream, IncrementalHash hash, CancellationToken cancellation)
    {
        if (stream.Length > file.Size)
        {
            stream.SetLength(0);
        }

        await HashWhatIsThereAsync(stream, hash, cancellation);
        progress(stream.Position);
        for (var idle = 0; stream.Position < file.Size;)
        {
            var before = stream.Position;
            try
            {
                await ReceiveOnceAsync(listing, file, stream, hash, cancellation);
            }
            catch (Exception error) when (HubClient.IsPassing(error, cancellation) && !IsOfDisk(error))
            {
                idle = stream.Position > before ? 0 : idle + 1;
                if (idle == MostIdleTries)
                {
                    throw new ModelException($"{file.Path}: the connection breaks again and again ({OneLine.Of(error.Message).TrimEnd('.')}); run the command again to go on from {ByteSize.Of(stream.Position)}.", error);
                }

                if (idle > 0)
                {
                    await Task.Delay(client.FirstWait * Math.Min(1 << (idle - 1), 8), cancellation);
                }

                continue;
            }

            if (stream.Position == before)
            {
                throw new ModelException($"{file.Path}: the hub sends {ByteSize.Of(before)} of {ByteSize.Of(file.Size)} and no more; try again later.");
            }
        }
    }

    private async Task ReceiveOnceAsync(HubListing listing, HubFile file, FileStream stream, IncrementalHash hash, CancellationToken cancellation)
    {
        using var answer = await client.OpenAsync(listing, file, stream.Position, cancellation);
        var goesOn = answer.StatusCode == HttpStatusCode.PartialContent && answer.Content.Headers.ContentRange?.From == stream.Position;
        if (stream.Position > 0 && !goesOn)
        {
            // A server without ranges, or one that finds ours wrong: from the start.
            progress(-stream.Position);
            stream.SetLength(0);
            hash.GetHashAndReset();
            hash.AppendData(Start(file));
            if (answer.StatusCode != HttpStatusCode.OK)
            {
                throw new HttpRequestException("the server does not go on in the middle");
            }
        }

        await using var body = await answer.Content.ReadAsStreamAsync(cancellation);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            while (true)
            {
                using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                patience.CancelAfter(HubClient.Patience);
                var read = await body.ReadAsync(buffer.AsMemory(0, BufferBytes), patience.Token);
                if (read == 0)
                {
                    return;
                }

                if (stream.Position + read > file.Size)
                {
                    throw new ModelException($"{file.Path} is longer than the hub states ({ByteSize.Of(file.Size)}); run the command again.");
                }

                await WriteAsync(stream, buffer.AsMemory(0, read), cancellation);
                hash.AppendData(buffer, 0, read);
                progress(read);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static async Task WriteAsync(FileStream stream, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        var position = stream.Position;
        try
        {
            await stream.WriteAsync(bytes, cancellation);
        }
        catch (IOException error)
        {
            stream.SetLength(position);
            throw new DiskException(error);
        }
    }

    private static bool IsOfDisk(Exception error) => error is DiskException;

    private static async Task HashWhatIsThereAsync(FileStream stream, IncrementalHash hash, CancellationToken cancellation)
    {
        stream.Position = 0;
        var buffer = new byte[BufferBytes];
        for (int read; (read = await stream.ReadAsync(buffer, cancellation)) > 0;)
        {
            hash.AppendData(buffer, 0, read);
        }
    }

    private static IncrementalHash Hash(HubFile file)
    {
        var hash = IncrementalHash.CreateHash(file.IsLarge ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1);
        hash.AppendData(Start(file));
        return hash;
    }

    /// <summary>git names a small file by the SHA-1 of this and its bytes.</summary>
    private static byte[] Start(HubFile file) =>
        file.IsLarge ? [] : Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {file.Size}\0"));

    /// <summary>The disk is full or broken, which no further try mends.</summary>
    internal sealed class DiskException(IOException error) : IOException(error.Message, error);
}
