namespace StableDiffusion;

/// <summary>
/// DPM-Solver++ with outputs inside one step, Lu et al. (2022), arXiv 2211.01095, Algorithm 1 (2S), DPM-Solver-2 and -3 of
/// arXiv 2206.00927, Algorithms 1 and 2, and the stochastic form, as <c>DPMSolverSinglestepScheduler</c>.
/// </summary>
internal sealed class DpmSolverSinglestepScheduler : SolverScheduler
{
    private readonly bool _plusPlus;
    private readonly bool _stochastic;
    private readonly bool _heun;
    private readonly int[] _orders;
    private readonly List<float[]> _outputs = [];
    private float[] _start = [];

    public DpmSolverSinglestepScheduler(SchedulerConfig config, SchedulerRun run)
        : base(config, run, SolverGrid.Of(config, run, repeatsLast: false, roundsCosine: true))
    {
        RefuseUnknown(config, highestOrder: 3);
        var algorithm = config.Text("algorithm_type");
        if (algorithm == "sde-dpmsolver")
        {
            throw new RequestException("dpmpp_2s has no algorithm_type sde-dpmsolver; set it to sde-dpmsolver++ or dpmsolver++.");
        }

        _plusPlus = algorithm != "dpmsolver";
        _stochastic = algorithm == "sde-dpmsolver++";
        _heun = config.Text("solver_type") == "heun";
        _orders = Orders(config, run.Steps);
        RefuseNoiseFormAtZero(config, _plusPlus);
    }

    public override void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise)
    {
        _outputs.Add(_plusPlus ? Clean(call, output, latents) : Noise(call, output, latents));
        if (_outputs.Count > _orders.Max())
        {
            _outputs.RemoveAt(0);
        }

        var drawn = _stochastic ? Draw(noise, latents.Length) : [];

        // A run that begins in the middle of a step has to begin with order 1.
        var order = Math.Min(_orders[Begin + call], _outputs.Count);
        if (order == 1)
        {
            _start = latents.ToArray();
        }

        _start.CopyTo(latents);
        Update(call, order, latents, drawn);
    }

    private void Update(int call, int order, Span<float> latents, float[] drawn)
    {
        var from = LevelAt(call - order + 1);
        var (h, a, b0, b1, b2, c) = SolverWeights.Of(_plusPlus, _stochastic, from, LevelAt(call + 1));
        Blend.Scale(latents, a);
        if (order == 1)
        {
            Blend.Add(latents, b0, _outputs[^1]);
        }
        else if (order == 2)
        {
            var r0 = (LevelAt(call).Lambda - from.Lambda) / h;
            var d = (_heun ? b1 : 0.5 * b0) / r0;
            Blend.Add(latents, b0 - d, _outputs[^2]);
            Blend.Add(latents, d, _outputs[^1]);
        }
        else
        {
            var (r0, r1) = ((LevelAt(call).Lambda - from.Lambda) / h, (LevelAt(call - 1).Lambda - from.Lambda) / h);

            // With D₁₀ = (m₁ − m₂)/r₁ and D₁₁ = (m₀ − m₂)/r₀: D₁ = (r₀·D₁₀ − r₁·D₁₁)/(r₀ − r₁) and D₂ = 2·(D₁₁ − D₁₀)/(r₀ − r₁).
            var d10 = _heun ? ((b1 * r0) - (2 * b2)) / (r0 - r1) / r1 : 0;
            var d11 = (_heun ? ((2 * b2) - (b1 * r1)) / (r0 - r1) : b1) / r0;
            Blend.Add(latents, b0 - d10 - d11, _outputs[^3]);
            Blend.Add(latents, d10, _outputs[^2]);
            Blend.Add(latents, d11, _outputs[^1]);
        }

        if (_stochastic)
        {
            Blend.Add(latents, c, drawn);
        }
    }

    // The order of each call: 1, 2, ... up to the solver's, with lower ones at the end where steps are left over or σ ends at 0.
    private static int[] Orders(SchedulerConfig config, int steps)
    {
        var order = config.Whole("solver_order");
        var zero = config.Text("final_sigmas_type") == "zero";
        var lower = config.Flag("lower_order_final") || zero || steps % order != 0;
        int[] orders = [.. Enumerable.Range(0, steps).Select(i => (i % order) + 1)];
        if (lower && order > 1 && steps % order == 0)
        {
            orders[^1] = 1;
            if (order == 3)
            {
                orders[^2] = 2;
            }
        }

        if (zero)
        {
            orders[^1] = 1;
        }

        return orders;
    }
}
