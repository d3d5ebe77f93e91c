using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace StableDiffusion.Benchmarks;

/// <summary>Seconds by stage, of which <paramref name="Denoise"/> is all steps together.</summary>
internal sealed record Stages(double Load, double Denoise, double Decode);

/// <summary>One run: stages as the contestant itself told them; the whole and the most memory (mapped files that were read included) as seen from outside.</summary>
internal sealed record Run(Stages Stages, double Whole, long PeakBytes);

/// <summary>One way to paint the picture, as a process of its own.</summary>
/// <param name="Name">What the table calls it.</param>
/// <param name="File">The program.</param>
/// <param name="Arguments">Its arguments.</param>
/// <param name="Read">Finds the stages in what it printed; null where they are not there.</param>
internal sealed partial record Contestant(string Name, string File, IReadOnlyList<string> Arguments, Func<string, Stages?> Read)
{
    /// <summary>How often the memory is looked at: the system keeps the peak, so that only what grows in the last moment can be missed.</summary>
    private static readonly TimeSpan _interval = TimeSpan.FromMilliseconds(20);

    /// <exception cref="InvalidOperationException">It failed; the message is the last line it printed.</exception>
    public Run Measure()
    {
        var start = Stopwatch.GetTimestamp();
        using var process = Process.Start(new ProcessStartInfo(File, Arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        var peak = 0L;
        while (!process.WaitForExit(_interval))
        {
            peak = Math.Max(peak, PeakOf(process));
        }

        var whole = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var printed = output.GetAwaiter().GetResult() + errors.GetAwaiter().GetResult();
        return process.ExitCode == 0 && Read(printed) is { } stages
            ? new Run(stages, whole, peak)
            : throw new InvalidOperationException(printed.TrimEnd() is { Length: > 0 } some ? some.Split('\n')[^1].Trim() : $"exit code {process.ExitCode}");
    }

    /// <summary>The stages in a JSON line such as <c>sd --json</c> prints.</summary>
    public static Stages? FromJson(string printed)
    {
        if (printed.Split('\n').LastOrDefault(line => line.StartsWith('{')) is not { } line)
        {
            return null;
        }

        using var json = JsonDocument.Parse(line);
        double Of(string stage) => json.RootElement.GetProperty("seconds").GetProperty(stage).GetDouble();
        return new Stages(Of("load"), Of("unet"), Of("vae"));
    }

    /// <summary>The stages in what stable-diffusion.cpp logs.</summary>
    public static Stages? FromStableDiffusionCpp(string printed) =>
        Seconds(Load(), printed) is { } load && Seconds(Sampling(), printed) is { } sampling && Seconds(Decoding(), printed) is { } decoding
            ? new Stages(load, sampling, decoding)
            : null;

    private static double? Seconds(Regex stage, string printed) =>
        stage.Match(printed) is { Success: true } match ? double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : null;

    private static long PeakOf(Process process)
    {
        try
        {
            process.Refresh();
            return process.PeakWorkingSet64;
        }
        catch (InvalidOperationException)
        {
            return 0; // it ended just now
        }
    }

    [GeneratedRegex(@"loading (?:tensors|model from \S+) completed, taking ([\d.]+)s", RegexOptions.CultureInvariant)]
    private static partial Regex Load();

    [GeneratedRegex(@"sampling completed, taking ([\d.]+)s", RegexOptions.CultureInvariant)]
    private static partial Regex Sampling();

    [GeneratedRegex(@"decode_first_stage completed, taking ([\d.]+)s", RegexOptions.CultureInvariant)]
    private static partial Regex Decoding();
}
