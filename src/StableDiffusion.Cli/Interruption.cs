using System.Runtime.InteropServices;

namespace StableDiffusion.Cli;

/// <summary>Ctrl-C and SIGTERM as a cancellation token, so that the picture in the works is dropped cleanly and no file is left half-written.</summary>
internal sealed class Interruption : IDisposable
{
    private static volatile bool _waits;

    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;

    public Interruption()
    {
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, StableDiffusion.Cli.ExitCode.Interrupted)),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context, StableDiffusion.Cli.ExitCode.Terminated)),
        ];
    }

    /// <summary>Waits for input of the user's, which a signal is to end as if nobody minded it: there is nothing yet to be tidied up.</summary>
    public static T WhileWaiting<T>(Func<T> read)
    {
        _waits = true;
        try
        {
            return read();
        }
        finally
        {
            _waits = false;
        }
    }

    /// <summary>The exit code of a signal that any command was stopped by; null where none came.</summary>
    public static int? ExitCodeOfSignal { get; private set; }

    public CancellationToken Token => _source.Token;

    /// <summary>The exit code of the signal that came.</summary>
    public int ExitCode { get; private set; } = StableDiffusion.Cli.ExitCode.Interrupted;

    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }

        _source.Dispose();
    }

    /// <summary>The first signal asks for an end; a second one ends the process at once, which leaves no torn file either.</summary>
    private void Stop(PosixSignalContext context, int exitCode)
    {
        if (_source.IsCancellationRequested || _waits)
        {
            return;
        }

        context.Cancel = true;
        ExitCode = exitCode;
        ExitCodeOfSignal = exitCode;
        _source.Cancel();
    }
}
