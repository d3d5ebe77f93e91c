using System.Diagnostics;
using System.Globalization;

namespace StableDiffusion.Tests;

/// <summary>The built program, run as a user's shell runs it.</summary>
internal static class SdProgram
{
    /// <summary>What no run comes near, even on a machine that does other things: it ends a run that hangs and times none.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(10);

    /// <summary>What came of a run.</summary>
    internal sealed record Outcome(int ExitCode, string Output, string Errors)
    {
        public IReadOnlyList<string> OutputLines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

        public IReadOnlyList<string> ErrorLines => Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>The words that start it. <c>STABLEDIFFUSION_PROGRAM</c> names another form of it to be tested: compiled to native code, or installed as a tool.</summary>
    private static string[] Words { get; } = Environment.GetEnvironmentVariable("STABLEDIFFUSION_PROGRAM") is { Length: > 0 } other
        ? [other]
        : ["dotnet", System.IO.Path.Combine(AppContext.BaseDirectory, "StableDiffusion.Cli.dll")];

    /// <summary>The same for a shell.</summary>
    public static string ShellWords { get; } = string.Join(' ', Words.Select(word => $"'{word}'"));

    /// <summary>Runs the program to its end.</summary>
    public static Outcome Run(params IEnumerable<string> arguments) => Run(arguments, workingFolder: null, input: null);

    /// <summary>Runs the program, or another, to its end, in a folder and with text on standard input.</summary>
    public static Outcome Run(
        IEnumerable<string> arguments, string? workingFolder, string? input, IReadOnlyDictionary<string, string>? environment = null, string? program = null)
    {
        using var process = Start(arguments, workingFolder, environment, program);
        if (input is not null)
        {
            process.StandardInput.Write(input);
        }

        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(_patience))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"The program was still running after {_patience.TotalMinutes} minutes: {string.Join(' ', arguments)}");
        }

        return new Outcome(process.ExitCode, output.GetAwaiter().GetResult(), errors.GetAwaiter().GetResult());
    }

    /// <summary>Starts the program with all three streams in the caller's hands, and without the tester's own settings.</summary>
    public static Process Start(
        IEnumerable<string> arguments, string? workingFolder = null, IReadOnlyDictionary<string, string>? environment = null, string? program = null)
    {
        string[] words = program is null ? Words : ["dotnet", program];
        var start = new ProcessStartInfo(words[0], [.. words[1..], .. arguments])
        {
            WorkingDirectory = workingFolder ?? "",
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("SD_MODEL");
        start.Environment.Remove("ORT_DISABLE_TELEMETRY");
        start.Environment.Remove("CI"); // in which ONNX Runtime reports nothing either
        start.Environment["XDG_CONFIG_HOME"] = System.IO.Path.Combine(AppContext.BaseDirectory, "no-configuration");
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }
    /// <summary>Sends a signal to a program.</summary>
    /// <param name="program">The program.</param>
    /// <param name="signal">As kill takes it, such as <c>INT</c>.</param>
    public static void Signal(Process program, string signal)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Signals are sent with kill.");
        using var kill = Process.Start("kill", ["-" + signal, program.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary>Sends a signal to a program, which must end.</summary>
    public static void Stop(Process program, string signal)
    {
        Signal(program, signal);
        if (!program.WaitForExit(TimeSpan.FromMinutes(5)))
        {
            program.Kill();
            Assert.Fail($"The program did not stop within five minutes of SIG{signal}.");
        }
    }
}
