using System.Diagnostics;

namespace StableDiffusion.Tests;

/// <summary>Pillow and NumPy through the system's Python: programs that read our files and that we did not write.</summary>
internal static class Pillow
{
    private const string Python = "/usr/bin/python3";

    private static readonly Lazy<bool> _present = new(static () => File.Exists(Python) && Start("import PIL, numpy").Code == 0);

    /// <summary>Runs a script and returns what it prints. Skips the test, and says so, where Pillow and NumPy are missing.</summary>
    public static string Run(string script, params string[] arguments)
    {
        Assert.SkipUnless(_present.Value, $"{Python} with Pillow and NumPy is missing (Debian: apt-get install python3-pil python3-numpy).");
        var (code, output, errors) = Start(script, arguments);
        Assert.True(code == 0, errors);
        return output.Trim();
    }

    private static (int Code, string Output, string Errors) Start(string script, params string[] arguments)
    {
        var start = new ProcessStartInfo(Python, ["-c", script, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }
}
