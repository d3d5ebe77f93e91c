namespace StableDiffusion;

/// <summary>A scheduler that was chosen, with the configuration as it reads it.</summary>
/// <param name="Entry">Which one.</param>
/// <param name="Config">The model's configuration, with what name and request set laid over it.</param>
internal sealed record ResolvedScheduler(SchedulerEntry Entry, SchedulerConfig Config)
{
    /// <summary>Schedulers that place their steps freely would otherwise fill the memory with them.</summary>
    private const int MostSteps = 100_000;

    /// <summary>Builds it, ready for its first step.</summary>
    /// <exception cref="RequestException">It cannot do what is asked.</exception>
    public IScheduler Build(SchedulerRun run)
    {
        if (run.Steps < 1 || run.Images < 1 || !(run.Strength is > 0 and <= 1) || !(run.Eta is null or >= 0 and <= 1))
        {
            throw new RequestException(
                $"A run has at least one step ({run.Steps}) and one image ({run.Images}), "
                + $"a strength above 0 up to 1 ({run.Strength}) and an eta from 0 to 1 ({run.Eta}).");
        }

        if (run.Steps > MostSteps)
        {
            throw new RequestException($"{run.Steps} steps are more than any scheduler here is given; ask for at most {MostSteps}.");
        }

        if (Config.Refusal is { } refusal)
        {
            throw new RequestException($"{Entry.Name}: {refusal}");
        }

        if (Config.Unused.FirstOrDefault() is { } unused)
        {
            throw new RequestException($"{Entry.Name} has no {unused}; leave it out or choose another scheduler.");
        }

        if (run.Eta > 0 && !Entry.HasEta)
        {
            var others = SchedulerTable.Entries.Where(other => other.HasEta).Select(other => other.Name);
            throw new RequestException($"{Entry.Name} has no eta; leave it out or choose {string.Join(" or ", others)}.");
        }

        return Entry.Build(Config, run);
    }
}
