namespace StableDiffusion;

/// <summary>One scheduler that can be asked for by name.</summary>
internal sealed class SchedulerEntry
{
    internal SchedulerEntry(
        string name,
        string diffusersClass,
        string webUiName,
        string description,
        Func<SchedulerConfig, SchedulerRun, IScheduler> build,
        params string[] aliases)
    {
        Name = name;
        DiffusersClass = diffusersClass;
        WebUiName = webUiName;
        Description = description;
        Build = build;
        Aliases = aliases;
    }

    /// <summary>The short name, such as <c>euler_a</c>.</summary>
    public string Name { get; }

    /// <summary>The class of diffusers that it equals.</summary>
    public string DiffusersClass { get; }

    /// <summary>The name that AUTOMATIC1111's webui writes into pictures.</summary>
    public string WebUiName { get; }

    /// <summary>What it is, in one line.</summary>
    public string Description { get; }

    /// <summary>Other names it answers to.</summary>
    public IReadOnlyList<string> Aliases { get; }

    /// <summary>True when <see cref="SchedulerRun.Eta"/> means something to it.</summary>
    public bool HasEta { get; internal init; }

    internal Func<SchedulerConfig, SchedulerRun, IScheduler> Build { get; }
}
