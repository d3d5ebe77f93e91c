using System.Threading.Channels;

namespace StableDiffusion.Cli;

/// <summary>Reads ahead in the background, a little, so that waiting for input can be interrupted and jobs that are there can be painted together.</summary>
internal sealed class JobQueue
{
    private const int MostAhead = 64;

    private readonly Channel<BatchEntry> _channel = Channel.CreateBounded<BatchEntry>(MostAhead);
    private readonly CancellationToken _cancellation;

    public JobQueue(IEnumerable<BatchEntry> entries, CancellationToken cancellation)
    {
        _cancellation = cancellation;
        _ = Task.Factory.StartNew(() => Fill(entries), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Whether an entry can be had without waiting, or, within <paramref name="patience"/>, at all.</summary>
    public bool TryTake(TimeSpan patience, out BatchEntry entry)
    {
        if (_channel.Reader.TryRead(out entry))
        {
            return true;
        }

        using var patient = CancellationTokenSource.CreateLinkedTokenSource(_cancellation);
        patient.CancelAfter(patience);
        try
        {
            return _channel.Reader.WaitToReadAsync(patient.Token).AsTask().GetAwaiter().GetResult() && _channel.Reader.TryRead(out entry);
        }
        catch (OperationCanceledException) when (!_cancellation.IsCancellationRequested)
        {
            return false;
        }
    }

    private void Fill(IEnumerable<BatchEntry> entries)
    {
        try
        {
            foreach (var entry in entries)
            {
                _channel.Writer.WriteAsync(entry, _cancellation).AsTask().GetAwaiter().GetResult();
            }

            _channel.Writer.Complete();
        }
        catch (Exception error)
        {
            // Thrown again where the entries are taken.
            _channel.Writer.Complete(error);
        }
    }
}
