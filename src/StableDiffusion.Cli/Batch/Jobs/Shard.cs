using System.Globalization;

namespace StableDiffusion.Cli;

/// <summary>One machine's part of a batch: number K, from 1, of N. Which jobs it has depends on the jobs alone.</summary>
internal readonly record struct Shard(int Number, int Count)
{
    /// <summary>As part of a file name.</summary>
    public string Suffix => $"{Number}-of-{Count}";

    /// <summary>
    /// Reads <c>--shard</c>: <c>K/N</c>, or <c>auto</c> for what Slurm says of an array task or of a step's task, or <c>auto/N</c> where the
    /// total is not to be had from the environment (Kubernetes Indexed Jobs) or ids count from 0 (part of a Slurm array started again).
    /// </summary>
    public static Shard Parse(string text, Func<string, string?> environment)
    {
        var parts = text.Split('/');
        if (parts is ["auto"] or ["auto", _])
        {
            return Of(parts.Length == 1 ? null : Whole("N", parts[1], text), environment);
        }

        return parts is [var number, var count]
            ? Valid(Whole("K", number, text), Whole("N", count, text), text)
            : throw new RequestException($"--shard {OneLine.Quote(text)} must be K/N such as 1/4, or auto, or auto/N.");
    }

    /// <summary>Whether a job is this machine's.</summary>
    public bool Has(BatchJob job) =>
        ulong.Parse(job.Id, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) % (ulong)Count == (ulong)(Number - 1);

    private static Shard Of(int? total, Func<string, string?> environment)
    {
        int? Variable(string name) =>
            int.TryParse(environment(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;

        if (Variable("SLURM_ARRAY_TASK_ID") is { } task)
        {
            return total is { } given
                ? Valid(task + 1, given, $"auto/{given} with SLURM_ARRAY_TASK_ID={task}: ids must count from 0, and")
                : OfArray(task, Variable("SLURM_ARRAY_TASK_MIN"), Variable("SLURM_ARRAY_TASK_MAX"), Variable("SLURM_ARRAY_TASK_STEP") ?? 1, Variable("SLURM_ARRAY_TASK_COUNT"));
        }

        if (Variable("JOB_COMPLETION_INDEX") is { } completion)
        {
            return total is { } given
                ? Valid(completion + 1, given, $"auto/{given} with JOB_COMPLETION_INDEX={completion}:")
                : throw new RequestException("--shard auto: Kubernetes does not tell how many completions a job has; give it, such as --shard auto/8.");
        }

        if (Variable("SLURM_PROCID") is { } process && (total ?? Variable("SLURM_NTASKS")) is { } processes)
        {
            return Valid(process + 1, processes, $"auto/{processes} with SLURM_PROCID={process}:");
        }

        throw new RequestException("--shard auto finds neither SLURM_ARRAY_TASK_ID, SLURM_PROCID nor JOB_COMPLETION_INDEX; give --shard K/N.");
    }

    /// <summary>Ids of an array such as 1-4 or 0-30:10; one such as 1,7,9 does not tell which of how many a task is.</summary>
    private static Shard OfArray(int task, int? first, int? last, int step, int? count) =>
        first is { } min && last is { } max && count is { } tasks && step > 0 && (task - min) % step == 0 && ((max - min) / step) + 1 == tasks
            ? Valid(((task - min) / step) + 1, tasks, "auto:")
            : throw new RequestException("--shard auto needs a Slurm array with ids at even distances, such as --array=0-3; give --shard K/N.");

    private static Shard Valid(int number, int count, string text) =>
        number >= 1 && number <= count
            ? new Shard(number, count)
            : throw new RequestException($"--shard {text} must have K from 1 to N.");

    private static int Whole(string name, string value, string text) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
            ? number
            : throw new RequestException($"--shard {OneLine.Quote(text)}: {name} must be a whole number from 1.");
}
