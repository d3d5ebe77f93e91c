using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace StableDiffusion.Cli;

/// <summary>Asks the terminal something and reads what it types in answer, which must not be echoed nor wait for a line's end.</summary>
internal static partial class TerminalDialogue
{
    private const int LargestAnswer = 4096;
    private const int SettingsSize = 256; // struct termios has 60 bytes on Linux and 72 on macOS
    private const int ReadAndWrite = 2;
    private const short Readable = 1;

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(1);

    /// <summary>Asks, and reads up to the answer to "what are you" (<c>ESC [ c</c>), which must be the last question.</summary>
    /// <returns>The answers; null where there is no terminal to ask, as on Windows, or the program runs in its background.</returns>
    public static string? Ask(string questions)
    {
        if (OperatingSystem.IsWindows())
        {
            return null;
        }

        var terminal = Open("/dev/tty", ReadAndWrite);
        if (terminal < 0)
        {
            return null;
        }

        try
        {
            var before = new byte[SettingsSize];
            if (ForegroundGroup(terminal) != OwnGroup() || GetSettings(terminal, before) != 0)
            {
                return null;
            }

            var raw = (byte[])before.Clone();
            MakeRaw(raw);
            _ = SetSettings(terminal, 0, raw);
            try
            {
                var text = Encoding.ASCII.GetBytes(questions);
                return Write(terminal, text, text.Length) == text.Length ? Answer(terminal) : null;
            }
            finally
            {
                _ = SetSettings(terminal, 0, before);
            }
        }
        finally
        {
            _ = Close(terminal);
        }
    }

    private static string Answer(int terminal)
    {
        var answer = new StringBuilder();
        var watch = Stopwatch.StartNew();
        var bytes = new byte[256];
        while (answer.Length < LargestAnswer && _patience - watch.Elapsed is { Ticks: > 0 } left)
        {
            var asked = new PollRequest { Descriptor = terminal, Events = Readable };
            if (Poll(ref asked, 1, (int)left.TotalMilliseconds + 1) <= 0 || Read(terminal, bytes, bytes.Length) is var count && count <= 0)
            {
                break;
            }

            answer.Append(Encoding.ASCII.GetString(bytes, 0, (int)count));
            var text = answer.ToString();
            var start = text.LastIndexOf("\u001b[?", StringComparison.Ordinal);
            if (start >= 0 && text.IndexOf('c', start) > 0)
            {
                break;
            }
        }

        return answer.ToString();
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollRequest
    {
        public int Descriptor;
        public short Events;
        public short Happened;
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint Read(int descriptor, [Out] byte[] bytes, nint count);

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint Write(int descriptor, byte[] bytes, nint count);

    [LibraryImport("libc", EntryPoint = "poll")]
    private static partial int Poll(ref PollRequest requests, nuint count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "tcgetattr")]
    private static partial int GetSettings(int descriptor, [Out] byte[] settings);

    [LibraryImport("libc", EntryPoint = "tcsetattr")]
    private static partial int SetSettings(int descriptor, int when, byte[] settings);

    [LibraryImport("libc", EntryPoint = "cfmakeraw")]
    private static partial void MakeRaw([In, Out] byte[] settings);

    [LibraryImport("libc", EntryPoint = "tcgetpgrp")]
    private static partial int ForegroundGroup(int descriptor);

    [LibraryImport("libc", EntryPoint = "getpgrp")]
    private static partial int OwnGroup();
}
