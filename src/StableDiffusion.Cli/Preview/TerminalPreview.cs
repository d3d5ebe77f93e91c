using System.Diagnostics;
using System.Globalization;

namespace StableDiffusion.Cli;

/// <summary>
/// Shows on standard error how a picture forms: lines are kept free for it above the progress bar, and it is drawn there again and again. The
/// colours are those of a linear map, so that no network is asked.
/// </summary>
/// <param name="log">Whose lines push the picture up.</param>
/// <param name="terminal">What the terminal can show.</param>
internal sealed class TerminalPreview(ConsoleLog log, Terminal terminal)
{
    private const int MostRows = 16;
    private const int LargestPicture = 512;

    private static readonly TimeSpan _betweenPictures = TimeSpan.FromMilliseconds(200);

    private readonly int _firstId = (Environment.ProcessId & 0x7FFF) << 16; // others may have pictures in the same terminal
    private readonly Stopwatch _sinceLast = new();
    private LatentColours? _colours;
    private int _pictures;
    private int _rows;
    private int _linesBefore;

    /// <summary>Makes ready for the first picture.</summary>
    /// <param name="colours">How latents are shown.</param>
    public void Begin(LatentColours colours) => _colours = colours;

    /// <summary>Shows what the network has in mind, unless it showed something a moment ago.</summary>
    public void Show(GenerationProgress progress)
    {
        if (_colours is not null && (!_sinceLast.IsRunning || _sinceLast.Elapsed >= _betweenPictures))
        {
            Draw(_colours.Draw(progress.Step!.PredictedClean));
            _sinceLast.Restart();
        }
    }

    /// <summary>Shows a finished picture, which stays; the next one goes below.</summary>
    public void Finish(GeneratedImage picture)
    {
        Draw(Drawing.Thumbnail(picture.Image, LargestPicture));
        _colours?.Add(picture.Latents, picture.Image);
        _rows = 0;
        _pictures++;
        _sinceLast.Reset();
    }

    private void Draw(RgbImage picture)
    {
        log.EndBar();
        var (rows, columns) = Room(picture);
        if (_rows != rows || log.Lines != _linesBefore)
        {
            Console.Error.Write(new string('\n', rows));
            (_rows, _linesBefore) = (rows, log.Lines);
        }

        // Up to the place, draw, and down again from where it began (ESC 7 and 8 keep and restore the cursor).
        var drawn = TerminalPicture.Draw(picture, terminal, rows, columns, _firstId + _pictures + 1);
        Console.Error.Write(string.Create(CultureInfo.InvariantCulture, $"\r\u001b[{rows}A\u001b7{drawn}\u001b8\u001b[{rows}B\r"));
    }

    /// <summary>Lines and columns for a picture, where a character is twice as high as wide.</summary>
    private static (int Rows, int Columns) Room(RgbImage picture)
    {
        var (height, width) = (24, 80);
        try
        {
            (height, width) = (Console.WindowHeight > 0 ? Console.WindowHeight : height, Console.WindowWidth > 0 ? Console.WindowWidth : width);
        }
        catch (IOException)
        {
            // No terminal: its usual size will do.
        }

        var rows = Math.Clamp(height - 3, 1, MostRows);
        var columns = Math.Max(rows * 2 * picture.Width / picture.Height, 1);
        return columns < width ? (rows, columns) : (Math.Max((width - 1) * picture.Height / picture.Width / 2, 1), width - 1);
    }
}
