using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;

namespace StableDiffusion.Tests;

/// <summary>
/// Feeds broken files to every reader. Each is taken, or refused in one line; nothing else is an answer. By default the same inputs every
/// time, for about 30 seconds; with <c>STABLEDIFFUSION_FUZZ_SECONDS</c> for as long, from another seed each time
/// (<c>STABLEDIFFUSION_FUZZ_SEED</c> repeats one). What is found is written to <c>STABLEDIFFUSION_FUZZ_FINDS</c>, or to a temporary folder;
/// mended, it goes to <c>tests/fuzz-finds</c> and is read again by every run of the tests.
/// </summary>
public sealed class FuzzTests : IDisposable
{
    private const double UsualSeconds = 30;
    private const int UsualSeed = 20260101;
    private static readonly TimeSpan _mostForOne = TimeSpan.FromMinutes(1);

    private readonly FuzzTargets _targets = new();

    private static string Finds => Path.Combine(Repository.Root, "tests", "fuzz-finds");

    private static double Seconds => Number("STABLEDIFFUSION_FUZZ_SECONDS") ?? UsualSeconds;

    private static int Seed => (int?)Number("STABLEDIFFUSION_FUZZ_SEED") ?? (Seconds > UsualSeconds ? Environment.TickCount : UsualSeed);

    public void Dispose() => _targets.Dispose();

    [Fact]
    public void Every_broken_file_is_taken_or_refused_in_one_line()
    {
        var faults = new List<string>();
        foreach (var target in _targets.All)
        {
            Fuzz(target, TimeSpan.FromSeconds(Seconds / _targets.All.Count), faults);
        }

        Assert.True(faults.Count == 0, string.Join("\n\n", faults));
    }

    [Fact]
    public void What_was_found_once_stays_mended()
    {
        var finds = Directory.GetFiles(Finds, "*", SearchOption.AllDirectories);
        Assert.NotEmpty(finds);
        Assert.All(finds, find =>
        {
            var format = Path.GetFileName(Path.GetDirectoryName(find));
            var target = Assert.Single(_targets.All, target => target.Name == format);
            Assert.Null(target.Fault(File.ReadAllBytes(find)));
        });
    }

    /// <summary>Each format has a seed that is good: what is fuzzed is not refused at its first byte. Others are of other models.</summary>
    [Fact]
    public void The_files_that_are_broken_are_whole_before() => Assert.All(
        _targets.All, target => Assert.Contains(target.Seeds, seed => Record.Exception(() => target.Read(seed)) is null));

    private static void Fuzz(FuzzTarget target, TimeSpan time, List<string> faults)
    {
        var mutation = new Mutation(new Random(Seed ^ target.Name.Length));
        var (count, found, slowest, watch) = (0, 0, TimeSpan.Zero, Stopwatch.StartNew());
        for (; watch.Elapsed < time && found < 3; count++)
        {
            var input = mutation.Of(target.Seeds);
            var one = Stopwatch.StartNew();
            var fault = target.Fault(input);
            slowest = one.Elapsed > slowest ? one.Elapsed : slowest;
            fault ??= one.Elapsed > _mostForOne ? $"it took {one.Elapsed}" : null;
            if (fault is not null)
            {
                found++;
                faults.Add($"{target.Name}: {Keep(target, input)}\n{fault}");
            }
        }

        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{target.Name}: {count} inputs, {found} faults, slowest {slowest.TotalMilliseconds:0} ms, peak {Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MiB"));
    }

    private static string Keep(FuzzTarget target, byte[] input)
    {
        var root = Environment.GetEnvironmentVariable("STABLEDIFFUSION_FUZZ_FINDS") is { Length: > 0 } given ? given : Path.Combine(Path.GetTempPath(), "sd-fuzz-finds");
        var folder = Path.Combine(root, target.Name);
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, Convert.ToHexStringLower(SHA256.HashData(input))[..12]);
        File.WriteAllBytes(path, input);
        return path;
    }

    private static double? Number(string variable) =>
        double.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : null;
}
