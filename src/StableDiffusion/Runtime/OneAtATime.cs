namespace StableDiffusion;

/// <summary>
/// Lets one thread at a time use what several may share, and nobody once it is closed. Others wait; the thread that is inside already,
/// which would wait for itself, is told so.
/// </summary>
/// <param name="shared">What is shared, for messages.</param>
internal sealed class OneAtATime(Type shared)
{
    private static readonly TimeSpan _patience = TimeSpan.FromMilliseconds(50);

    private readonly Lock _inside = new();
    private bool _closed;

    /// <summary>Does work alone.</summary>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    /// <exception cref="InvalidOperationException">The work that is being done asks for it.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while waiting.</exception>
    public T Do<T>(Func<T> work, CancellationToken cancellation)
    {
        RequireOpen();
        RequireOutside();
        while (!_inside.TryEnter(_patience))
        {
            cancellation.ThrowIfCancellationRequested();
        }

        try
        {
            RequireOpen();
            return work();
        }
        finally
        {
            _inside.Exit();
        }
    }

    /// <summary>Lets nobody in any more, and closes when the work that is being done has ended. Closing again does nothing.</summary>
    /// <exception cref="InvalidOperationException">The work that is being done asks for it.</exception>
    public void Close(Action close)
    {
        RequireOutside();
        if (!Interlocked.Exchange(ref _closed, true))
        {
            using var alone = _inside.EnterScope();
            close();
        }
    }

    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public void RequireOpen() => ObjectDisposedException.ThrowIf(Volatile.Read(ref _closed), shared);

    private void RequireOutside()
    {
        if (_inside.IsHeldByCurrentThread)
        {
            throw new InvalidOperationException($"A {shared.Name} cannot be used from within its own reports; use it when they have returned.");
        }
    }
}
