namespace StableDiffusion;

/// <summary>
/// Diffusion exponential integrator sampling in log ρ, with ρ = σ/α: the multistep rule (tAB-DEIS) of Zhang and Chen (2022),
/// arXiv 2204.13902, equations 14 and 15, as <c>DEISMultistepScheduler</c>.
/// </summary>
internal sealed class DeisScheduler : SolverScheduler
{
    private const int FewSteps = 15;

    private readonly int _order;
    private readonly bool _lowersOrder;
    private readonly List<float[]> _outputs = [];

    public DeisScheduler(SchedulerConfig config, SchedulerRun run)
        : base(config, run, SolverGrid.Of(config, run, repeatsLast: true, roundsCosine: true))
    {
        RefuseUnknown(config, highestOrder: 3);
        if (config.Text("algorithm_type").StartsWith("sde-", StringComparison.Ordinal))
        {
            throw new RequestException($"deis has no algorithm_type {config.Text("algorithm_type")}; set it to deis.");
        }

        _order = config.Whole("solver_order");
        _lowersOrder = config.Flag("lower_order_final") && run.Steps < FewSteps;
    }

    public override void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise)
    {
        _outputs.Add(Noise(call, output, latents));
        if (_outputs.Count > _order)
        {
            _outputs.RemoveAt(0);
        }

        var remaining = Timesteps.Count - call;
        var order = Math.Min(_outputs.Count, _lowersOrder ? remaining : _order);
        var (alphaT, sigmaT, lambdaT) = LevelAt(call + 1);
        var (alphaS, _, lambdaS) = LevelAt(call);
        Blend.Scale(latents, alphaT / alphaS);
        if (order == 1)
        {
            Blend.Add(latents, -sigmaT * double.ExpM1(lambdaT - lambdaS), _outputs[^1]);
            return;
        }

        double[] rho = [.. Enumerable.Range(0, order).Select(i => Rho(call - i))];
        for (var i = 0; i < order; i++)
        {
            var others = rho.Where((_, k) => k != i).ToArray();
            Blend.Add(latents, alphaT * (Integral(Rho(call + 1), rho[i], others) - Integral(rho[0], rho[i], others)), _outputs[^(i + 1)]);
        }
    }

    private double Rho(int call)
    {
        var (alpha, sigma, _) = LevelAt(call);
        return sigma / alpha;
    }

    // The antiderivative at t of the Lagrange polynomial in ln t that is 1 at b and 0 at the others.
    private static double Integral(double t, double b, double[] others)
    {
        var (log, c) = (Math.Log(t), Math.Log(others[0]));
        if (others.Length == 1)
        {
            return t * (log - c - 1) / (Math.Log(b) - c);
        }

        var d = Math.Log(others[1]);
        return t * ((c * (d - log + 1)) - (d * log) + d + (log * log) - (2 * log) + 2) / ((Math.Log(b) - c) * (Math.Log(b) - d));
    }
}
