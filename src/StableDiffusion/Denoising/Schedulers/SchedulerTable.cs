namespace StableDiffusion;

/// <summary>All schedulers, one row each.</summary>
internal static class SchedulerTable
{
    private const string Multistep = "DPMSolverMultistepScheduler";
    private const string StochasticName = "dpmpp_2m_sde";

    // Endings of names, as the webui wrote schedule types before 1.9 ("DPM++ 2M Karras"), and the parameter each sets.
    private static readonly (string Ending, string? Key, string? Value)[] _scheduleTypes =
    [
        ("automatic", null, null),
        ("karras", "use_karras_sigmas", "true"),
        ("exponential", "use_exponential_sigmas", "true"),
        ("sgmuniform", "timestep_spacing", "trailing"),
        ("simple", "timestep_spacing", "trailing"),
        ("trailing", "timestep_spacing", "trailing"),
        ("beta", "use_beta_sigmas", "true"),
        ("lu", "use_lu_lambdas", "true"),
        ("k", "use_karras_sigmas", "true"),
    ];

    /// <summary>The schedulers in the order they are listed to people.</summary>
    public static IReadOnlyList<SchedulerEntry> Entries { get; } =
    [
        new("pndm", "PNDMScheduler", "PLMS", "Pseudo numerical methods; the default of Stable Diffusion 1",
            (config, run) => new PndmScheduler(config, run), "plms"),
        new("ddim", "DDIMScheduler", "DDIM", "Denoising diffusion implicit models; eta adds noise",
            (config, run) => new DdimScheduler(config, run), "ddim_uniform") { HasEta = true },
        new("ddpm", "DDPMScheduler", "DDPM", "Denoising diffusion probabilistic models; needs many steps",
            (config, run) => new DdpmScheduler(config, run)),
        new("euler", "EulerDiscreteScheduler", "Euler", "Euler steps; the default of SDXL",
            (config, run) => new EulerScheduler(config, run), "k_euler"),
        new("euler_a", "EulerAncestralDiscreteScheduler", "Euler a", "Euler steps with fresh noise",
            (config, run) => new EulerAncestralScheduler(config, run), "euler_ancestral", "k_euler_a", "k_euler_ancestral"),
        new("lms", "LMSDiscreteScheduler", "LMS", "Linear multistep of order 4",
            (config, run) => new LmsScheduler(config, run), "k_lms"),
        new("heun", "HeunDiscreteScheduler", "Heun", "Heun's method; two network calls a step",
            (config, run) => new HeunScheduler(config, run), "k_heun"),
        new("dpm2", "KDPM2DiscreteScheduler", "DPM2", "DPM-Solver-2; two network calls a step",
            (config, run) => new Dpm2Scheduler(config, run, ancestral: false), "dpm_2", "kdpm_2", "k_dpm_2"),
        new("dpm2_a", "KDPM2AncestralDiscreteScheduler", "DPM2 a", "DPM-Solver-2 with fresh noise; two network calls a step",
            (config, run) => new Dpm2Scheduler(config, run, ancestral: true), "dpm_2_ancestral", "kdpm_2_a", "k_dpm_2_a", "k_dpm_2_ancestral"),
        new("dpmpp_2m", Multistep, "DPM++ 2M", "DPM-Solver++ with memory; good from 15 steps",
            (config, run) => new DpmSolverMultistepScheduler(config, run), "dpmpp", "dpmsolver++", "k_dpmpp_2m"),
        new(StochasticName, Multistep, "DPM++ 2M SDE", "DPM-Solver++ with memory and fresh noise",
            (config, run) => new DpmSolverMultistepScheduler(config, run), "dpmpp_2m_sde_gpu", "k_dpmpp_2m_sde"),
        new("dpmpp_2s", "DPMSolverSinglestepScheduler", "DPM++ 2S", "DPM-Solver++ within each step",
            (config, run) => new DpmSolverSinglestepScheduler(config, run), "k_dpmpp_2s"),
        new("unipc", "UniPCMultistepScheduler", "UniPC", "Unified predictor-corrector; good from 10 steps",
            (config, run) => new UniPcScheduler(config, run), "uni_pc_bh2"),
        new("deis", "DEISMultistepScheduler", "DEIS", "Diffusion exponential integrator",
            (config, run) => new DeisScheduler(config, run)),
        new("lcm", "LCMScheduler", "LCM", "For latent consistency models; 2 to 8 steps",
            (config, run) => new LcmScheduler(config, run)),
        new("tcd", "TCDScheduler", "TCD", "For trajectory consistency models; eta is the paper's gamma",
            (config, run) => new TcdScheduler(config, run)) { HasEta = true },
        new("ipndm", "IPNDMScheduler", "iPNDM", "Improved pseudo numerical methods, on a schedule of its own",
            (config, run) => new IpndmScheduler(config, run)),
        new("flow", "FlowMatchEulerDiscreteScheduler", "Flow", "Euler steps for flow models (Stable Diffusion 3)",
            (config, run) => new FlowScheduler(config, run), "flow_euler", "flow_match_euler"),
    ];

    /// <summary>The short names.</summary>
    public static IEnumerable<string> Names => Entries.Select(entry => entry.Name);

    /// <summary>Finds a scheduler by any of its names; case, spaces, <c>_</c> and <c>-</c> do not matter.</summary>
    /// <param name="text">
    /// A short name, a name of the webui with or without the schedule type at its end, a class of diffusers, or an alias.
    /// </param>
    /// <param name="choice">The scheduler, and what a schedule type at the end of the name sets.</param>
    public static bool TryResolve(string text, out SchedulerChoice choice)
    {
        var wanted = Simplify(text);
        foreach (var entry in Entries)
        {
            if (NamesOf(entry).Any(name => Simplify(name) == wanted))
            {
                choice = new SchedulerChoice(entry, null, null);
                return true;
            }
        }

        foreach (var (ending, key, value) in _scheduleTypes)
        {
            if (wanted.EndsWith(ending, StringComparison.Ordinal) && TryResolve(wanted[..^ending.Length], out var inner) && inner.Key is null)
            {
                choice = new SchedulerChoice(inner.Entry, key, value);
                return true;
            }
        }

        choice = default;
        return false;
    }

    /// <summary>Builds a scheduler, ready for its first step.</summary>
    /// <param name="config">The model's configuration.</param>
    /// <param name="name">Any name of a scheduler; null is the model's own.</param>
    /// <param name="run">What it is to run.</param>
    /// <exception cref="RequestException">There is no such scheduler, or it cannot do what is asked.</exception>
    public static IScheduler Create(SchedulerConfig config, string? name, SchedulerRun run) => Choose(config, name).Build(run);

    /// <summary>The scheduler of that name (null: the model's own), and the configuration it is to be built from.</summary>
    public static ResolvedScheduler Choose(SchedulerConfig config, string? name)
    {
        if (name is null)
        {
            var rows = Entries.Where(entry => entry.DiffusersClass == config.RequireKnown().ClassName);
            return new(rows.Last(entry => entry.Name != StochasticName || IsStochastic(config)), config);
        }

        if (!TryResolve(name, out var choice))
        {
            throw new RequestException($"There is no scheduler \"{name}\"; there are {string.Join(", ", Names)}.");
        }

        var asked = config.WithClass(choice.Entry.DiffusersClass);
        if (choice.Entry.DiffusersClass == Multistep && IsStochastic(asked) != (choice.Entry.Name == StochasticName))
        {
            asked = asked.With("algorithm_type", choice.Entry.Name == StochasticName ? "sde-dpmsolver++" : "dpmsolver++");
        }

        return new(choice.Entry, choice.Key is null ? asked : choice.Apply(asked));
    }

    private static bool IsStochastic(SchedulerConfig config) =>
        config.Text("algorithm_type").StartsWith("sde-", StringComparison.Ordinal);

    private static IEnumerable<string> NamesOf(SchedulerEntry entry)
    {
        yield return entry.Name;
        yield return entry.WebUiName;
        if (entry.Name != StochasticName)
        {
            yield return entry.DiffusersClass;
            yield return entry.DiffusersClass.Replace("Scheduler", "", StringComparison.Ordinal);
        }

        foreach (var alias in entry.Aliases)
        {
            yield return alias;
        }
    }

    private static string Simplify(string name) =>
        string.Concat(name.Where(c => c is not (' ' or '_' or '-'))).Replace("++", "pp", StringComparison.Ordinal).ToLowerInvariant();
}
