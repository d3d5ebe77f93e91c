namespace StableDiffusion;

/// <summary>
/// Which training steps a run visits, noisiest first: <c>linspace</c>, <c>leading</c> or <c>trailing</c>,
/// Table 2 of Lin et al. (2023), arXiv 2305.08891.
/// </summary>
internal static class TimestepSpacing
{
    /// <summary>As many steps as asked for, not rounded when spaced <c>linspace</c>.</summary>
    public static double[] Exact(SchedulerConfig config, int steps)
    {
        var trained = config.Whole("num_train_timesteps");
        Check(config, steps, trained);
        return config.Text("timestep_spacing") switch
        {
            "linspace" => Reversed(LinearSpace(0, trained - 1, steps)),
            "leading" => Leading(steps, trained / steps, config.Whole("steps_offset")),
            _ => Trailing(steps, trained, trained),
        };
    }

    /// <summary>As many steps as asked for, whole training steps.</summary>
    public static double[] Whole(SchedulerConfig config, int steps) => [.. Exact(config, steps).Select(t => Math.Round(t))];

    /// <summary>
    /// As the DPM-Solver family spaces: <c>linspace</c> and <c>leading</c> place one step more and leave the cleanest one out,
    /// and the noisiest step may be capped.
    /// </summary>
    public static double[] Solver(SchedulerConfig config, int steps, int last)
    {
        var trained = config.Whole("num_train_timesteps");
        if (steps >= last)
        {
            throw new RequestException(
                $"{steps} steps are more than {config.ClassName} can place between {last} trained ones; ask for at most {last - 1}.");
        }

        return (config.Has("timestep_spacing") ? config.Text("timestep_spacing") : "linspace") switch
        {
            "linspace" => [.. Reversed(LinearSpace(0, last - 1, steps + 1)).Select(t => Math.Round(t)).Take(steps)],
            "leading" => SolverLeading(config, steps, last, trained),
            _ => Trailing(steps, trained, last),
        };
    }

    /// <summary>numpy's <c>linspace</c>.</summary>
    public static double[] LinearSpace(double start, double end, int count)
    {
        var step = (end - start) / (count - 1);
        return [.. Enumerable.Range(0, count).Select(i => i == 0 ? start : i == count - 1 ? end : (i * step) + start)];
    }

    private static void Check(SchedulerConfig config, int steps, int trained)
    {
        if (steps > trained)
        {
            throw new RequestException(
                $"{steps} steps are more than the {trained} that the model was trained with; ask for at most {trained}.");
        }

        if (config.Text("timestep_spacing") == "leading")
        {
            RequireWithin(config, steps, (steps - 1) * (trained / steps), trained);
        }
    }

    private static double[] SolverLeading(SchedulerConfig config, int steps, int last, int trained)
    {
        var ratio = last / (steps + 1);
        RequireWithin(config, steps, steps * ratio, trained);
        return Leading(steps + 1, ratio, config.Whole("steps_offset"))[..^1];
    }

    /// <summary>Refuses a noisiest step that was never trained: networks were not told of it, and two steps would have one noise level.</summary>
    private static void RequireWithin(SchedulerConfig config, int steps, int noisiest, int trained)
    {
        var offset = config.Whole("steps_offset");
        if (noisiest + offset >= trained)
        {
            throw new RequestException(
                $"{steps} steps with timestep_spacing leading and steps_offset {offset} go past the model's last training "
                + $"step {trained - 1}; ask for fewer steps or set timestep_spacing to trailing.");
        }
    }

    private static double[] Leading(int count, int ratio, int offset) =>
        offset >= 0
            ? Reversed([.. Enumerable.Range(0, count).Select(i => (double)(i * ratio) + offset)])
            : throw new RequestException($"steps_offset is {offset}, but cannot be negative; set it to 0 or 1.");

    // numpy's arange(last, 0, -trained / steps) would give a step -1 too where the ratio rounds down (61 steps); it is left out.
    private static double[] Trailing(int steps, int trained, int last)
    {
        var ratio = trained / (double)steps;
        var delta = last - ratio - last;
        var count = Math.Min(steps, (int)Math.Ceiling(last / ratio));
        return [.. Enumerable.Range(0, count).Select(i => Math.Round(last + (i * delta)) - 1)];
    }

    private static double[] Reversed(double[] values)
    {
        Array.Reverse(values);
        return values;
    }
}
