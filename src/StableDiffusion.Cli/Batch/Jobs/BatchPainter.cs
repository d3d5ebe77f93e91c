using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>Paints the jobs of a batch, one after another or several in one batch of the UNet, and keeps account.</summary>
internal sealed class BatchPainter(
    TextToImagePipeline pipeline, BatchFolder folder, OutputPattern names, FieldTable table, BatchSettings settings, ConsoleLog log)
{
    /// <summary>How long to wait for further jobs of a call where their number is asked for.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromMilliseconds(20);

    /// <summary>The same where it is not: who writes a line and waits for its picture must not notice.</summary>
    private static readonly TimeSpan _briefly = TimeSpan.FromMilliseconds(2);

    private readonly string _model = ModelFingerprint.Of(pipeline.Folder.Path) + (pipeline.Folder.Variant is { } variant ? $"-{variant}" : "")
        + (pipeline.Precision == WeightPrecision.EightBit ? "-w8" : "");
    private readonly InputFiles _inputs = new();
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private Taken? _next;

    /// <summary>Pictures painted.</summary>
    public int Painted { get; private set; }

    /// <summary>Jobs that an earlier run had done.</summary>
    public int Skipped { get; private set; }

    /// <summary>Lines and jobs that could not be painted.</summary>
    public int Failed { get; private set; }

    /// <summary>Works until the input ends.</summary>
    /// <exception cref="BatchStopException">It cannot go on.</exception>
    public void Paint(JobQueue queue, CancellationToken cancellation)
    {
        while (Take(queue, Timeout.InfiniteTimeSpan) is { } taken)
        {
            if (taken is not { Pending: { } first })
            {
                Fail(taken.Line, taken.Error!);
                continue;
            }

            var group = new List<Pending> { first };
            while (group.Count < MostWith(first) && TakeNext(queue, group, cancellation) is { } next)
            {
                // What cannot be painted has its turn when all before it is painted.
                if (next.Pending is not { } further || !CanJoin(first, further))
                {
                    _next = next;
                    break;
                }

                group.Add(further);
            }

            PaintGroup(group, cancellation);
        }
    }

    /// <summary>What was done, in one line.</summary>
    public string Summary()
    {
        var seconds = _watch.Elapsed.TotalSeconds;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Painted} {(Painted == 1 ? "picture" : "pictures")} in {seconds:0.0} s ({Painted * 60 / seconds:0.0} a minute) on {pipeline.Device}, {Skipped} done before, {Failed} failed");
    }

    /// <summary>The job after those of a group, which are painted all the same where the input ends in a fault.</summary>
    private Taken? TakeNext(JobQueue queue, List<Pending> group, CancellationToken cancellation)
    {
        try
        {
            return Take(queue, settings.UNetBatch is null ? _briefly : _patience);
        }
        catch (Exception error) when (error is not (OperationCanceledException or BatchStopException))
        {
            PaintGroup(group, cancellation);
            throw;
        }
    }

    /// <summary>The next job that is to be painted, or cannot be; null where there is none, or none within <paramref name="patience"/>.</summary>
    private Taken? Take(JobQueue queue, TimeSpan patience)
    {
        if (_next is { } waiting)
        {
            _next = null;
            return waiting;
        }

        while (queue.TryTake(patience, out var entry))
        {
            if (entry.Job is not { } job)
            {
                return new Taken(entry.Line, null, entry.Error);
            }

            try
            {
                if (Prepare(job) is { } pending)
                {
                    return new Taken(entry.Line, pending, null);
                }
            }
            catch (RequestException error)
            {
                return new Taken(entry.Line, null, OptionNames.MessageForLine(error));
            }
        }

        return null;
    }

    /// <summary>A job with its request, or null if an earlier run has done it.</summary>
    private Pending? Prepare(BatchJob job)
    {
        var request = table.Request(job.Fields) with { Warning = message => log.Warn(message, job.Line) };
        var wanted = FieldTable.PicturesOf(job.Fields, request);
        var inputs = _inputs.Fingerprint(job.Fields.Where(field => table.IsFile(field.Key)), request);
        var (whole, earlier) = folder.Done.Take(job, _model, inputs, wanted);
        if (whole == wanted.Count)
        {
            Skipped++;
            return null;
        }

        if (earlier.Values.FirstOrDefault() is { } known)
        {
            request = request with
            {
                Seeds = job.Drawn.Contains(FieldTable.Seed) && known.Seed is { } seed ? [seed] : request.Seeds,
                VariationSeed = job.Drawn.Contains(FieldTable.VariationSeed) && known.VariationSeed is { } variation ? variation : request.VariationSeed,
            };
        }

        var pattern = job.Output is { } output ? OutputPattern.ParseLine(output) : names;
        var pending = new Pending(job, request, wanted, pattern, inputs, earlier);
        foreach (var path in wanted.Select(image => pending.PathOf(image)).Distinct())
        {
            PictureFile.RequireRoomForText(path, request);
            folder.RequireWritable(path);
        }

        return pending;
    }

    /// <summary>How many jobs may share calls of the network with this one.</summary>
    private int MostWith(Pending first)
    {
        try
        {
            return settings.UNetBatch ?? pipeline.FastestTogether(first.Request);
        }
        catch (RequestException)
        {
            // Found again, and reported, when it is painted.
            return 1;
        }
    }

    private bool CanJoin(Pending first, Pending next)
    {
        try
        {
            return pipeline.CanPaintTogether(first.Request, next.Request);
        }
        catch (RequestException)
        {
            // Found again, and reported, when it is painted alone.
            return false;
        }
    }

    private void PaintGroup(List<Pending> group, CancellationToken cancellation)
    {
        var done = 0;
        log.Line = group.Count == 1 ? group[0].Job.Line : null;
        try
        {
            var progress = new ConsoleProgress(log, group[0].Job.Index);
            foreach (var picture in pipeline.GenerateTogether([.. group.Select(one => one.Request)], settings.UNetBatch is null, progress, cancellation))
            {
                var pending = group[group.Count == 1 ? 0 : picture.Index];
                done = picture.Index + 1;
                if (pending.Wanted.Contains(picture.IndexInSeed) && !TryWrite(pending, picture) && group.Count == 1)
                {
                    return;
                }
            }
        }
        catch (Exception error) when (error is RequestException or ModelException)
        {
            log.EndBar();
            if (group.Count > 1)
            {
                // One of them spoils it for the others; alone, it is found.
                group.Skip(done).ToList().ForEach(one => PaintGroup([one], cancellation));
            }
            else if (error is ModelException { IsOfOpening: true } && Painted == 0 && !settings.FailFast)
            {
                // A model that cannot be opened fails every job.
                throw;
            }
            else
            {
                Fail(group[0].Job.Line, OptionNames.MessageForLine(error));
            }
        }
    }

    /// <summary>Writes a picture; false where it cannot have its name, which the line is blamed for.</summary>
    private bool TryWrite(Pending pending, GeneratedImage picture)
    {
        try
        {
            Write(pending, picture);
            return true;
        }
        catch (RequestException error)
        {
            Fail(pending.Job.Line, OptionNames.MessageForLine(error));
            return false;
        }
    }

    private void Write(Pending pending, GeneratedImage picture)
    {
        var job = pending.Job;
        var owned = pending.Earlier.ContainsKey(picture.IndexInSeed);
        var wanted = pending.PathOf(picture.IndexInSeed);
        var file = PictureFile.Encode(picture, wanted, table.QualityOf(job.Fields));
        JsonObject? line = null;
        var path = folder.Write(file, wanted, owned, (relative, sha256) =>
        {
            line = ResultJson.Of(relative, sha256, table.ToJson(job.Fields), pending.Request.PicturesPerSeed, picture, pipeline);
            line["index"] = job.Index;
            line["id"] = job.Id;
            line["line"] = job.Line;
            line["unet_batch"] = picture.RequestsTogether;
            line["model_id"] = _model;
            if (pending.Inputs.Length > 0)
            {
                line["inputs"] = pending.Inputs;
            }

            return line;
        });
        Painted++;
        log.EndBar();
        line!["path"] = path;
        try
        {
            StandardStreams.WriteResult(settings.Json ? ResultJson.ToText(line) : path, path);
        }
        catch (StandardOutputException error)
        {
            throw new BatchStopException(error.Message, error);
        }

        log.Event("picture", () => new JsonObject { ["path"] = path, ["line"] = job.Line, ["index"] = job.Index, ["pictures"] = Painted });
    }

    private void Fail(int line, string message)
    {
        Failed++;
        log.EndBar();
        log.Error($"line {line.ToString(CultureInfo.InvariantCulture)}: {message}", line);
        if (settings.FailFast)
        {
            throw new BatchStopException("stopped at the first line that failed (--fail-fast).");
        }
    }

    /// <summary>A job as it was taken: to be painted, or what is wrong with its line.</summary>
    private sealed record Taken(int Line, Pending? Pending, string? Error);

    /// <summary>A job that is to be painted.</summary>
    /// <param name="Job">The job.</param>
    /// <param name="Request">Its request.</param>
    /// <param name="Wanted">The pictures of its seed that are to be kept.</param>
    /// <param name="Pattern">How they are named.</param>
    /// <param name="Inputs">The content of the files that it reads.</param>
    /// <param name="Earlier">Pictures that an earlier run wrote, some of which are torn or gone.</param>
    private sealed record Pending(
        BatchJob Job, ImageRequest Request, IReadOnlyList<int> Wanted, OutputPattern Pattern, string Inputs, IReadOnlyDictionary<int, DonePicture> Earlier)
    {
        /// <summary>The name of a picture: the one it had, or else one that may be taken.</summary>
        public string PathOf(int image) =>
            Earlier.TryGetValue(image, out var earlier) ? earlier.Path : Pattern.PathOf(Job.Index, Request.PicturesPerSeed, Request.Seeds[0], Job.Prompt).Path;
    }
}

/// <summary>How a batch is worked through.</summary>
/// <param name="UNetBatch">Jobs to paint in one batch of the UNet at most; null for as many as come out the soonest and are the same as alone.</param>
/// <param name="Json">Whether results are JSON lines instead of paths.</param>
/// <param name="FailFast">Whether the first bad line ends the run.</param>
internal sealed record BatchSettings(int? UNetBatch, bool Json, bool FailFast);
