using System.Diagnostics;
using System.Globalization;

namespace StableDiffusion.Cli;

/// <summary>How far a download is: on a terminal a bar with rate and time left, elsewhere a line a file.</summary>
internal sealed class PullProgress : IDisposable
{
    private const int BarWidth = 30;

    private readonly ConsoleLog _log;
    private readonly long _bytes;
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private readonly Lock _lock = new();
    private readonly Timer? _timer;
    private long _done;
    private long _counted;
    private TimeSpan _countedAt;
    private double _rate;

    public PullProgress(ConsoleLog log, long bytes)
    {
        _log = log;
        _bytes = bytes;
        if (log.ShowsProgress && !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb")
        {
            _timer = new Timer(_ => Draw(), null, TimeSpan.FromMilliseconds(300), TimeSpan.FromMilliseconds(300));
        }
    }

    /// <summary>Bytes that came, or (below 0) were thrown away.</summary>
    public void Add(long bytes) => Interlocked.Add(ref _done, bytes);

    public void Finished(HubFile file)
    {
        lock (_lock)
        {
            if (_timer is null)
            {
                _log.Info($"{file.Path} {ByteSize.Of(file.Size)}");
            }
        }
    }

    public void Dispose()
    {
        _timer?.Dispose();
        lock (_lock)
        {
            _log.EndBar();
        }
    }

    private void Draw()
    {
        lock (_lock)
        {
            var (done, now) = (Interlocked.Read(ref _done), _watch.Elapsed);
            var current = (done - _counted) / Math.Max((now - _countedAt).TotalSeconds, 0.001);
            _rate = _counted == 0 ? current : (0.9 * _rate) + (0.1 * Math.Max(current, 0));
            (_counted, _countedAt) = (done, now);
            var share = _bytes == 0 ? 1 : Math.Clamp((double)done / _bytes, 0, 1);
            var filled = (int)(BarWidth * share);
            _log.Bar($"[{new string('#', filled)}{new string('.', BarWidth - filled)}] {ByteSize.Of(done)} of {ByteSize.Of(_bytes)}, {ByteSize.Of(_rate)}/s{Left(_bytes - done)}");
        }
    }

    private string Left(long bytes)
    {
        if (_rate < 1 || bytes <= 0)
        {
            return "";
        }

        var left = TimeSpan.FromSeconds(Math.Min(bytes / _rate, 359_999));
        return string.Create(CultureInfo.InvariantCulture, $", {(left.TotalMinutes < 1 ? $"{left.TotalSeconds:0} s" : left.TotalHours < 1 ? $"{left.TotalMinutes:0} min" : $"{left.TotalHours:0.0} h")} left");
    }
}
