using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>What the user is told while the program works: always on stderr, so that stdout holds results alone.</summary>
/// <param name="quiet">Say nothing but warnings and errors.</param>
/// <param name="verbose">Say more.</param>
/// <param name="bar">Draw a progress bar, or say now and then how far the run is.</param>
/// <param name="json">Say everything as JSON lines, with events that are not said otherwise.</param>
internal sealed class ConsoleLog(bool quiet, bool verbose, bool bar = false, bool json = false)
{
    public const string ProgressOption = "--progress";

    private const int MostWarnings = 1000;

    private readonly HashSet<string> _warnings = [];
    private bool _barIsShown;

    /// <summary>The line of a batch file that is being painted, for warnings.</summary>
    public int? Line { get; set; }

    /// <summary>Lines said so far; what is drawn above the last one has moved up by as many.</summary>
    public int Lines { get; private set; }

    /// <summary>Whether everything is said as JSON lines, among which nothing else may stand.</summary>
    public bool IsJson => json;

    /// <summary>Whether steps are to be told.</summary>
    public bool ShowsProgress => bar && !quiet;

    /// <summary>Worth knowing though nothing failed. Said once, however many pictures it is about.</summary>
    public void Warn(string message) => Warn(message, Line);

    /// <summary>The same of a line of a batch file.</summary>
    public void Warn(string message, int? line)
    {
        bool isNew;
        lock (_warnings)
        {
            // A batch is read on a thread of its own.
            isNew = _warnings.Count < MostWarnings && _warnings.Add(message);
        }

        if (isNew)
        {
            Say("warning", $"warning: {(line is null ? "" : $"line {line}: ")}{message}", message, line);
        }
    }

    /// <summary>Says errors as a command line asks for, even one that cannot be parsed.</summary>
    public static ConsoleLog ForErrors(IReadOnlyList<string> arguments)
    {
        var asked = arguments.Zip(arguments.Skip(1).Append("")).Any(pair =>
            pair is (ProgressOption, "json") || pair.First is ProgressOption + "=json" or ProgressOption + ":json");
        return new ConsoleLog(quiet: false, verbose: false, json: asked);
    }

    /// <summary>An error.</summary>
    /// <param name="message">What went wrong.</param>
    /// <param name="line">The line of a batch file that it is about.</param>
    public void Error(string message, int? line = null) => Say("error", $"error: {message}", message, line);

    /// <summary>Something for programs that follow the run: said as JSON or not at all.</summary>
    public void Event(string name, Func<JsonObject> describe)
    {
        if (json)
        {
            var line = new JsonObject { ["event"] = name };
            foreach (var (key, value) in describe())
            {
                line[key] = value?.DeepClone();
            }

            WriteLine(ResultJson.ToText(line));
        }
    }

    /// <summary>Said unless <c>--quiet</c>.</summary>
    public void Info(string message)
    {
        if (!quiet)
        {
            Say("info", message, message);
        }
    }

    /// <summary>Said with <c>--verbose</c> alone.</summary>
    public void Detail(string message)
    {
        if (verbose)
        {
            Say("info", message, message);
        }
    }

    /// <summary>Draws the progress bar over the last one; only for terminals.</summary>
    public void Bar(string text)
    {
        Console.Error.Write($"\r{text}\u001b[K");
        _barIsShown = true;
    }

    /// <summary>Wipes the progress bar away.</summary>
    public void EndBar()
    {
        if (_barIsShown)
        {
            Console.Error.Write("\r\u001b[K");
            _barIsShown = false;
        }
    }

    private void Say(string name, string text, string message, int? line = null)
    {
        if (json)
        {
            Event(name, () => line is null ? new JsonObject { ["message"] = message } : new JsonObject { ["line"] = line, ["message"] = message });
        }
        else
        {
            WriteLine(text);
        }
    }

    private void WriteLine(string message)
    {
        EndBar();
        Lines++;
        Console.Error.WriteLine(message);
    }
}
