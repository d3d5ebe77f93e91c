using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>How far the run is: a bar on a terminal, now and then a line where stderr is a file or a pipe.</summary>
/// <param name="log">Where to say it.</param>
/// <param name="first">Number of the first picture in the batch or run.</param>
internal sealed class ConsoleProgress(ConsoleLog log, int first = 0) : IProgress<GenerationProgress>
{
    private const int BarWidth = 30;
    private static readonly TimeSpan _betweenLines = TimeSpan.FromSeconds(5);

    private readonly bool _isTerminal = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb";
    private readonly Stopwatch _sinceStart = Stopwatch.StartNew();
    private TimeSpan _lastLine;

    public void Report(GenerationProgress value)
    {
        log.Event("step", () => new JsonObject { ["index"] = first + value.Index, ["step"] = value.Call, ["steps"] = value.Calls });
        if (!log.ShowsProgress)
        {
            return;
        }

        var picture = value.Images > 1 ? $"picture {value.Index + 1} of {value.Images}, " : "";
        if (_isTerminal)
        {
            var filled = BarWidth * value.Call / value.Calls;
            log.Bar($"{picture}step {value.Call}/{value.Calls} [{new string('#', filled)}{new string('.', BarWidth - filled)}]{Left(value)}");
        }
        else if (value.Call < value.Calls && _sinceStart.Elapsed - _lastLine >= _betweenLines)
        {
            _lastLine = _sinceStart.Elapsed;
            log.Info($"{picture}step {value.Call}/{value.Calls}{Left(value)}");
        }
    }

    /// <summary>The time that the calls left will take at the pace so far.</summary>
    private string Left(GenerationProgress value)
    {
        var done = ((double)value.Index / value.Images) + ((double)value.Call / value.Calls / value.Images);
        var left = _sinceStart.Elapsed * ((1 - done) / done);
        return left < TimeSpan.FromSeconds(1)
            ? ""
            : string.Create(CultureInfo.InvariantCulture, $" {(left.TotalMinutes < 1 ? $"{left.TotalSeconds:0} s" : $"{left.TotalMinutes:0} min")} left");
    }
}
