using System.CommandLine;
using System.Globalization;
using System.Text;

namespace StableDiffusion.Cli;

/// <summary><c>batch</c>: many prompts, one load of the model.</summary>
internal static class BatchCommand
{
    private const string Help = """
        Paints a file of prompts with one load of the model.

        A line is a prompt with options (a red apple --seed 5 --steps 20), a JSON object ({"prompt": "a red apple", "seed": 5}), or a row of a
        CSV file whose header names the options. Options given here are the defaults of all lines. {red|green} apple stands for both, and
        --seed 0..9 for ten pictures. Each picture gets its line in manifest.jsonl beside it; --resume goes on where a run was stopped.
        Exit codes: 0 all done, 1 a line or the run failed, 2 wrong usage, 130 stopped by Ctrl-C, 143 by SIGTERM. Example:
          sd batch prompts.txt --steps 10 --output 'out/{index:03}-{seed}.png' --resume
        """;

    /// <summary>Characters of a dry run that are written at once.</summary>
    private const int DryRunBuffer = 1 << 16;

    public static Command Create()
    {
        var image = new ImageOptions();
        image.Prompt.Description = "The prompt of lines that have none.";
        var program = new ProgramOptions();
        var own = new OwnOptions();
        var batch = new Command("batch", Help) { own.File, program.Model, own.Output };
        foreach (var option in (IEnumerable<Option>)[own.Resume, own.DryRun, own.FailFast, own.Shard, own.UNetBatch, .. image.All, .. program.All])
        {
            batch.Add(option);
        }

        batch.Add(MergeCommand.Create());
        batch.SetAction(parsed => Run(parsed, image, program, own));
        return batch;
    }

    private static int Run(ParseResult parsed, ImageOptions image, ProgramOptions program, OwnOptions own)
    {
        var log = program.Log(parsed);
        var (folderPath, names) = OutputPattern.ParseBatch(parsed.GetValue(own.Output));
        Shard? shard = parsed.GetValue(own.Shard) is { } text ? Shard.Parse(text, Environment.GetEnvironmentVariable) : null;
        var settings = new BatchSettings(parsed.GetValue(own.UNetBatch), program.Json(parsed), parsed.GetValue(own.FailFast));
        if (settings.UNetBatch < 1)
        {
            throw new RequestException($"{own.UNetBatch.Name} {settings.UNetBatch} must be at least 1.");
        }

        var table = new FieldTable(image);
        var file = parsed.GetValue(own.File)!;
        using var input = Open(file);
        var lines = new BatchReader(
            input, table, file == "-" ? "standard input" : file, (line, text) => log.Warn(text, line)).Lines();
        var jobs = new JobSource(table, table.Defaults(parsed)).Jobs(lines).Where(entry => entry.Job is not { } job || shard?.Has(job) != false);
        if (parsed.GetValue(own.DryRun))
        {
            return DryRun(jobs, table, settings, log);
        }

        BatchFolder.RequireWritable(folderPath, shard);
        using var interruption = new Interruption();
        BatchPainter? work = null;
        try
        {
            using var pipeline = program.Open(parsed, log);
            using var folder = BatchFolder.Open(folderPath, shard, parsed.GetValue(own.Resume), log.Warn);
            work = new BatchPainter(pipeline, folder, names, table, settings, log);
            work.Paint(new JobQueue(jobs, interruption.Token), interruption.Token);
            log.EndBar();
            log.Info(work.Summary());
            return work.Failed == 0 ? ExitCode.Done : ExitCode.Failed;
        }
        catch (OperationCanceledException)
        {
            log.EndBar();
            log.Error($"stopped. {Kept(work)}");
            return interruption.ExitCode;
        }
        catch (BatchStopException error) when (work is not null)
        {
            log.EndBar();
            log.Error($"{error.Message} {Kept(work)}");
            return ExitCode.Failed;
        }
        finally
        {
            log.EndBar();
        }
    }

    private static string Kept(BatchPainter? work) =>
        string.Create(CultureInfo.InvariantCulture, $"Pictures of this run that are complete: {work?.Painted ?? 0}; --resume does the rest.");

    private static int DryRun(IEnumerable<BatchEntry> jobs, FieldTable table, BatchSettings settings, ConsoleLog log)
    {
        var failed = 0;
        var output = new StringBuilder();
        try
        {
            foreach (var (line, job, error) in jobs)
            {
                var problem = error ?? Problem(job!, table);
                if (problem is null)
                {
                    var json = table.ToJson(job!.Fields);
                    json[FieldTable.Index] = job.Index;
                    output.Append(ResultJson.ToText(json)).Append('\n');
                    if (output.Length >= DryRunBuffer)
                    {
                        WriteOut(output);
                    }

                    continue;
                }

                failed++;
                log.Error($"line {line.ToString(CultureInfo.InvariantCulture)}: {problem}", line);
                if (settings.FailFast)
                {
                    break;
                }
            }
        }
        finally
        {
            // Where the input ends in a fault, too.
            WriteOut(output);
        }

        return failed == 0 ? ExitCode.Done : ExitCode.Failed;

        static void WriteOut(StringBuilder lines)
        {
            Console.Out.Write(lines);
            lines.Clear();
        }
    }

    private static string? Problem(BatchJob job, FieldTable table)
    {
        try
        {
            FieldTable.PicturesOf(job.Fields, table.Request(job.Fields));
            if (job.Output is { } output)
            {
                OutputPattern.ParseLine(output);
            }

            return null;
        }
        catch (RequestException error)
        {
            return OptionNames.MessageForLine(error);
        }
    }

    private static StreamReader Open(string file)
    {
        if (file == "-" && !StandardStreams.HasInput)
        {
            throw new RequestException("the batch is to be read from standard input, which is closed; pipe a text into it.");
        }

        if (file == "-")
        {
            return new StreamReader(Console.OpenStandardInput(), BatchReader.Encoding);
        }

        try
        {
            return new StreamReader(file, BatchReader.Encoding);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new RequestException(
                Directory.Exists(file) ? $"{OneLine.Quote(file)} is a folder; give a file of prompts."
                : File.Exists(file) ? $"{OneLine.Quote(file)} cannot be read: {OneLine.Of(error.Message)}"
                : $"there is no file {OneLine.Quote(file)}; give a file of prompts, or - for standard input.",
                error);
        }
    }

    /// <summary>The options of this command alone.</summary>
    private sealed class OwnOptions
    {
        public Argument<string> File { get; } = new("file") { Description = "The file of prompts; - reads standard input as it arrives." };

        public Option<string?> Output { get; } = new("--output", "-o")
        {
            Description = "A folder, or a pattern with {index}, {seed}, {prompt}. [default: ./{index:05}-{seed}-{prompt:40}.png]",
            HelpName = "path",
        };

        public Option<bool> Resume { get; } = new("--resume") { Description = "Go on with an earlier run: skip what is done after checking it, do the rest." };

        public Option<bool> DryRun { get; } = new("--dry-run") { Description = "Paint nothing; print the jobs as JSON lines, which are a batch file that makes the same ones." };

        public Option<bool> FailFast { get; } = new("--fail-fast") { Description = "Stop at the first bad line instead of doing the others." };

        public Option<string?> Shard { get; } = new("--shard")
        {
            Description = "Do one part of N, which is the same on all machines; auto asks Slurm or, as auto/N, Kubernetes.",
            HelpName = "K/N|auto|auto/N",
        };

        public Option<int?> UNetBatch { get; } = new("--unet-batch")
        {
            Description = "Jobs of one size and schedule to paint in one batch of the UNet; each keeps its own noise. "
                + "[default: for a small model on a CPU as many as are the quickest, where pictures stay the same to the last bit; else 1]",
            HelpName = "n",
        };
    }
}
