namespace StableDiffusion.Cli;

/// <summary>What the program tells the shell. Listed in README.md and in the help text.</summary>
internal static class ExitCode
{
    /// <summary>Everything asked for is on disk.</summary>
    public const int Done = 0;

    /// <summary>The model or the device let us down, or a line of a batch failed.</summary>
    public const int Failed = 1;

    /// <summary>The command line asks for what cannot be done: an option, an input file, a place to write to.</summary>
    public const int Usage = 2;

    /// <summary>The program has a fault; the message asks for a report (EX_SOFTWARE of sysexits.h).</summary>
    public const int Unforeseen = 70;

    /// <summary>Stopped by Ctrl-C (128 + SIGINT).</summary>
    public const int Interrupted = 130;

    /// <summary>Stopped by SIGTERM (128 + 15).</summary>
    public const int Terminated = 143;
}
