using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace StableDiffusion.Cli;

/// <summary>
/// The three standard streams as whoever started the program left them: closed, full, or with nobody at the other end. Standard error that
/// cannot be written is no reason to lose a picture; standard output is where results go, so there it is an error.
/// </summary>
internal static class StandardStreams
{
    private const int Input = 0;
    private const int Output = 1;
    private const int Error = 2;

    /// <summary>fcntl's O_CLOEXEC on Linux, as /proc shows it: set on all files that the runtime opened itself, on none that it was given.</summary>
    private const int CloseOnExec = 0x80000;

    /// <summary>Whether standard input is there.</summary>
    public static bool HasInput => IsGiven(Input);

    /// <summary>Prepares output and error; called once, before anything is written.</summary>
    public static void Prepare()
    {
        if (!IsGiven(Output))
        {
            // The number may be that of another file by now, which must not be written into.
            Console.SetOut(new ClosedWriter());
        }
        else if (OperatingSystem.IsLinux() && File.ResolveLinkTarget($"/proc/self/fd/{Output}", returnFinalTarget: false)?.Name is { } target
            && (target.StartsWith("pipe:", StringComparison.Ordinal) || target.StartsWith("socket:", StringComparison.Ordinal)))
        {
            // The console's own stream keeps silent when the reader of a pipe has gone.
            var pipe = new FileStream(new SafeFileHandle(Output, ownsHandle: false), FileAccess.Write, bufferSize: 0);
            Console.SetOut(new StreamWriter(pipe, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true });
        }

        Console.SetError(new ForgivingWriter(IsGiven(Error) ? Console.Error : TextWriter.Null));
    }

    /// <summary>Writes a result's line.</summary>
    /// <exception cref="StandardOutputException">It cannot be written; the message says where the picture is.</exception>
    public static void WriteResult(string line, string path)
    {
        try
        {
            Console.Out.WriteLine(line);
        }
        catch (IOException error)
        {
            throw new StandardOutputException($"standard output cannot be written ({OneLine.Of(error.Message).TrimEnd('.')}); the picture itself is whole: {OneLine.Quote(path)}.", error);
        }
    }

    private static bool IsGiven(int stream)
    {
        var info = $"/proc/self/fdinfo/{stream}";
        if (!OperatingSystem.IsLinux() || !Directory.Exists("/proc/self/fdinfo"))
        {
            return true;
        }

        try
        {
            var flags = File.ReadLines(info).First(line => line.StartsWith("flags:", StringComparison.Ordinal))[6..].Trim();
            return (Convert.ToInt64(flags, 8) & CloseOnExec) == 0;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Drops what cannot be written.</summary>
    private sealed class ForgivingWriter(TextWriter inner) : TextWriter(CultureInfo.InvariantCulture)
    {
        public override Encoding Encoding => inner.Encoding;

        public override void Write(char value) => Try(() => inner.Write(value));

        public override void Write(string? value) => Try(() => inner.Write(value));

        public override void WriteLine(string? value) => Try(() => inner.WriteLine(value));

        public override void Flush() => Try(inner.Flush);

        private static void Try(Action write)
        {
            try
            {
                write();
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // Nobody can be told.
            }
        }
    }

    /// <summary>A standard output that was closed.</summary>
    private sealed class ClosedWriter() : TextWriter(CultureInfo.InvariantCulture)
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => throw new IOException("it is closed");
    }
}

/// <summary>Standard output, where results go, cannot be written.</summary>
internal sealed class StandardOutputException(string message, Exception innerException) : IOException(message, innerException);
