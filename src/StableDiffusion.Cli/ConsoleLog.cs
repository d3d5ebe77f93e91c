namespace StableDiffusion.Cli;

/// <summary>What the user is told while the program works: always on stderr, so that stdout holds results alone.</summary>
internal sealed class ConsoleLog(bool quiet, bool verbose)
{
    private bool _barIsShown;

    public bool Quiet => quiet;

    /// <summary>Worth knowing though nothing failed.</summary>
    public void Warn(string message) => WriteLine($"warning: {message}");

    /// <summary>An error that does not end the run.</summary>
    public void Error(string message) => WriteLine($"error: {message}");

    /// <summary>Said unless <c>--quiet</c>.</summary>
    public void Info(string message)
    {
        if (!quiet)
        {
            WriteLine(message);
        }
    }

    /// <summary>Said with <c>--verbose</c> alone.</summary>
    public void Detail(string message)
    {
        if (verbose)
        {
            WriteLine(message);
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

    private void WriteLine(string message)
    {
        EndBar();
        Console.Error.WriteLine(message);
    }
}
