using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace StableDiffusion.Benchmarks;

/// <summary>
/// <c>yardstick</c>: one picture by this program, by bare calls of ONNX Runtime and by every peer that is found here, with the same size, steps and threads.
/// In each round each is a process of its own, in turn; every other round goes the other way round.
/// </summary>
internal static class YardstickCommand
{
    public static Command Create()
    {
        var model = new Argument<string>("model") { Description = "Folder of an ONNX export of Stable Diffusion 1 or 2." };
        var size = new Option<int?>("--size") { Description = "Pixels. [default: the model's]" };
        var steps = new Option<int>("--steps") { DefaultValueFactory = _ => 2 };
        var threads = new Option<int>("--threads") { Description = "0: as each has it by default." };
        var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 5 };
        var also = new Option<string[]>("--also") { Description = "A further row for this program with these options, such as \"--attention plain\", or \"-m COPY\" for another form of the model; may be given several times.", DefaultValueFactory = _ => [] };
        var log = new Option<string?>("--log") { Description = "A file that the runs are added to; the table counts those of the same task that were in it, so that rounds can be measured one by one.", HelpName = "file" };
        var stableDiffusionCpp = new Option<string?>("--sd-cpp-model") { Description = "A model for stable-diffusion.cpp.", HelpName = "file" };
        var diffusers = new Option<string?>("--diffusers-model") { Description = "A model for diffusers.", HelpName = "folder" };
        var command = new Command("yardstick", "Times this program, bare ONNX Runtime and every peer on PATH in turn, and prints a Markdown table.")
        {
            model, size, steps, threads, rounds, also, log, stableDiffusionCpp, diffusers,
        };
        command.SetAction(parsed =>
        {
            var folder = ModelFolder.Open(parsed.GetValue(model)!);
            var task = new YardstickTask(folder.Path, parsed.GetValue(size) ?? folder.DefaultWidth, parsed.GetValue(steps), parsed.GetValue(threads));
            var pictures = Directory.CreateTempSubdirectory("sd-yardstick-");
            try
            {
                var peers = Peers.Find(task, parsed.GetValue(stableDiffusionCpp), parsed.GetValue(diffusers), pictures.FullName);
                return Race(folder.Name, task, parsed.GetValue(rounds), parsed.GetValue(log), [.. Own(task, parsed.GetValue(also)!, pictures.FullName), .. peers.Found], peers.Missing);
            }
            finally
            {
                pictures.Delete(recursive: true);
            }
        });
        return command;
    }

    /// <summary>The program as it was built beside this one.</summary>
    private static string Program { get; } = Path.GetFullPath(Path.Combine(
        AppContext.BaseDirectory.Replace("tests/StableDiffusion.Benchmarks".Replace('/', Path.DirectorySeparatorChar), "src/StableDiffusion.Cli".Replace('/', Path.DirectorySeparatorChar), StringComparison.Ordinal),
        "StableDiffusion.Cli.dll"));

    private static IEnumerable<Contestant> Own(YardstickTask task, IReadOnlyList<string> also, string folder)
    {
        yield return new Contestant("bare ONNX Runtime", "dotnet", [typeof(YardstickCommand).Assembly.Location, "bare", .. task.Bare], Contestant.FromJson);
        foreach (var more in also.Prepend(""))
        {
            string[] options = [.. more.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
            var (own, rest) = options is ["-m", var copy, .. var others] ? (task with { Model = copy }, others) : (task, options);
            yield return new Contestant(
                more.Length > 0 ? $"sd {more}" : "sd", "dotnet", [Program, .. own.Ours, .. rest, "-o", Path.Combine(folder, "sd.png")], Contestant.FromJson);
        }
    }

    /// <summary>Prints the table on standard output and all else on standard error. A contestant that fails takes no further part.</summary>
    private static int Race(string model, YardstickTask task, int rounds, string? log, IReadOnlyList<Contestant> contestants, List<string> missing)
    {
        var runs = contestants.ToDictionary(one => one, one => RunsIn(log, task, one.Name));
        var before = runs[contestants[0]].Count;
        for (var round = before; round < before + rounds; round++)
        {
            foreach (var contestant in (round % 2 == 0 ? contestants : contestants.Reverse()).Where(runs.ContainsKey))
            {
                try
                {
                    var run = contestant.Measure();
                    runs[contestant].Add(run);
                    Keep(log, new LogLine(task, contestant.Name, run));
                    Console.Error.WriteLine(string.Create(
                        CultureInfo.InvariantCulture,
                        $"round {round + 1}, {contestant.Name}: load {run.Stages.Load:0.00} s, steps {run.Stages.Denoise:0.00} s, decode {run.Stages.Decode:0.00} s, whole {run.Whole:0.00} s, {run.PeakBytes / 1e9:0.00} GB"));
                }
                catch (InvalidOperationException error)
                {
                    runs.Remove(contestant);
                    missing.Add($"{contestant.Name} (it failed: {error.Message})");
                    Console.Error.WriteLine($"{contestant.Name} failed: {error.Message}");
                }
            }
        }

        if (!runs.ContainsKey(contestants[0]))
        {
            return 1;
        }

        var threads = task.Threads > 0 ? $"{task.Threads} threads" : "threads by default";
        Console.WriteLine($"{model}, {task.Size} × {task.Size}, {task.Steps} {(task.Steps == 1 ? "step" : "steps")} with guidance, {threads}; medians of {before + rounds} {(before + rounds == 1 ? "round" : "rounds")} in turn, the last three columns as ratios to {contestants[0].Name}.");
        Console.WriteLine();
        Console.Write(YardstickTable.Of([.. contestants.Where(runs.ContainsKey).Select(one => (one.Name, (IReadOnlyList<Run>)runs[one]))], task.Steps));
        Console.WriteLine();
        Console.WriteLine($"On {Machine.Describe(Peers.Ask("dotnet", Program, "--version")?.Trim() ?? "?")}.");
        if (missing.Count > 0)
        {
            Console.WriteLine($"Not measured: {string.Join("; ", missing)}.");
        }

        return contestants.Take(2).All(runs.ContainsKey) ? 0 : 1;
    }

    private static List<Run> RunsIn(string? log, YardstickTask task, string contestant) => File.Exists(log)
        ? [.. File.ReadLines(log).Select(line => JsonSerializer.Deserialize<LogLine>(line)!).Where(line => (line.Task, line.Contestant) == (task, contestant)).Select(line => line.Run)]
        : [];

    private static void Keep(string? log, LogLine line)
    {
        if (log is not null)
        {
            File.AppendAllText(log, JsonSerializer.Serialize(line) + "\n");
        }
    }

    private sealed record LogLine(YardstickTask Task, string Contestant, Run Run);
}
