namespace StableDiffusion;

/// <summary>The time steps and noise levels of the solvers in λ (DPM-Solver, UniPC, DEIS).</summary>
internal static class SolverGrid
{
    private const double BelowOne = 1e-6;

    /// <param name="config">The scheduler's configuration.</param>
    /// <param name="run">The run.</param>
    /// <param name="repeatsLast">True where levels by a rule of their own end in the last of them, not in the lowest trained level.</param>
    /// <param name="roundsCosine">True where Karras' time steps are rounded for the schedule <c>squaredcos_cap_v2</c> too.</param>
    public static SigmaGrid Of(SchedulerConfig config, SchedulerRun run, bool repeatsLast, bool roundsCosine)
    {
        var schedule = new NoiseSchedule(config, keepTerminalSnr: true);
        var last = schedule.Count - (config.RealOrNull("lambda_min_clipped") is { } lowest ? schedule.CountBelow(lowest) : 0);
        var timesteps = TimestepSpacing.Solver(config, run.Steps, last);
        var own = OwnLevels(config, run, schedule);
        var sigmas = own ?? [.. timesteps.Select(schedule.SigmaAt)];
        if (own is not null)
        {
            var rounds = (config.Flag("use_karras_sigmas") || config.Flag("use_lu_lambdas"))
                && (roundsCosine || config.Text("beta_schedule") != "squaredcos_cap_v2");
            timesteps = [.. own
                .Select(sigma => config.Flag("use_flow_sigmas") ? sigma * schedule.Count : schedule.TimestepOf(sigma))
                .Select(t => rounds ? Math.Round(t) : Math.Truncate(t))];
        }

        var final = config.Has("final_sigmas_type") && config.Text("final_sigmas_type") == "zero" ? 0
            : repeatsLast && own is not null ? own[^1]
            : schedule.Sigmas[0];
        return new SigmaGrid(timesteps, [.. sigmas.Select(sigma => (float)sigma), (float)final]);
    }

    private static double[]? OwnLevels(SchedulerConfig config, SchedulerRun run, NoiseSchedule schedule)
    {
        var spaced = SigmaSpacing.Of(config, schedule.Sigmas[^1], schedule.Sigmas[0], run.Steps);
        if (spaced is not null && (config.Flag("use_flow_sigmas") || config.Flag("use_lu_lambdas")))
        {
            throw new RequestException("use_flow_sigmas and use_lu_lambdas exclude other rules for the noise levels; set one of them.");
        }

        return spaced
            ?? (config.Flag("use_flow_sigmas") ? Flow(config, run)
            : config.Flag("use_lu_lambdas") ? Lu(schedule, run.Steps)
            : null);
    }

    // Even steps in λ, section 3 of Lu et al. (2022), arXiv 2206.00927.
    private static double[] Lu(NoiseSchedule schedule, int steps) =>
        [.. TimestepSpacing.LinearSpace(schedule.LogSigmas[^1], schedule.LogSigmas[0], steps).Select(Math.Exp)];

    private static double[] Flow(SchedulerConfig config, SchedulerRun run)
    {
        if (config.Flag("use_dynamic_shifting") && run.Mu is null)
        {
            throw new RequestException(
                $"{config.ClassName} with use_dynamic_shifting needs the shift mu, which is not known here; set it to false.");
        }

        var shift = config.Flag("use_dynamic_shifting") ? Math.Exp(run.Mu!.Value) : config.Real("flow_shift");
        var lowest = 1.0 / config.Whole("num_train_timesteps");
        var even = TimestepSpacing.LinearSpace(1, lowest, run.Steps + 1);

        // UniPC counts σ from 1 down and stays just below 1, where λ is infinite; the others count 1 − σ up from 0.
        var isUniPc = config.Has("shift_terminal");
        double[] sigmas = isUniPc ? even[..^1] : [.. even.Select(alpha => 1 - alpha).Reverse().Take(run.Steps)];
        sigmas = [.. sigmas.Select(sigma => shift * sigma / (1 + ((shift - 1) * sigma)))];
        if (config.RealOrNull("shift_terminal") is { } terminal && terminal != 0)
        {
            var scale = (1 - sigmas[^1]) / (1 - terminal);
            sigmas = [.. sigmas.Select(sigma => 1 - ((1 - sigma) / scale))];
        }

        if (isUniPc && Math.Abs(sigmas[0] - 1) < BelowOne)
        {
            sigmas[0] -= BelowOne;
        }

        return sigmas;
    }
}
