namespace StableDiffusion;

/// <summary>
/// DPM-Solver++ with outputs of earlier steps, Lu et al. (2022), arXiv 2211.01095, Algorithm 2 (2M), DPM-Solver (2022),
/// arXiv 2206.00927, and the stochastic forms of both, as <c>DPMSolverMultistepScheduler</c>.
/// </summary>
internal sealed class DpmSolverMultistepScheduler : SolverScheduler
{
    private const int FewSteps = 15;

    private readonly bool _plusPlus;
    private readonly bool _stochastic;
    private readonly bool _heun;
    private readonly int _order;
    private readonly bool _firstOrderLast;
    private readonly bool _secondOrderBeforeLast;
    private readonly List<float[]> _outputs = [];

    public DpmSolverMultistepScheduler(SchedulerConfig config, SchedulerRun run)
        : this(config, run, SolverGrid.Of(config, run, repeatsLast: false, roundsCosine: false))
    {
    }

    private DpmSolverMultistepScheduler(SchedulerConfig config, SchedulerRun run, SigmaGrid grid)
        : base(config, run, grid)
    {
        RefuseUnknown(config, highestOrder: 3);
        var algorithm = config.Text("algorithm_type");
        _plusPlus = algorithm is not "dpmsolver" and not "sde-dpmsolver";
        _stochastic = algorithm.StartsWith("sde-", StringComparison.Ordinal);
        _heun = config.Text("solver_type") == "heun";
        _order = config.Whole("solver_order");
        RefuseNoiseFormAtZero(config, _plusPlus);
        if (_order == 3 && algorithm == "sde-dpmsolver")
        {
            throw new RequestException(
                "algorithm_type sde-dpmsolver has solver_order 1 or 2; for 3 set algorithm_type to sde-dpmsolver++.");
        }

        _secondOrderBeforeLast = config.Flag("lower_order_final") && grid.Timesteps.Count < FewSteps;
        _firstOrderLast = config.Flag("euler_at_final") || _secondOrderBeforeLast || config.Text("final_sigmas_type") == "zero";
    }

    public override void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise)
    {
        var known = _outputs.Count;
        _outputs.Add(_plusPlus ? Clean(call, output, latents) : Noise(call, output, latents));
        if (_outputs.Count > _order)
        {
            _outputs.RemoveAt(0);
        }

        var drawn = _stochastic ? Draw(noise, latents.Length) : [];
        var remaining = Timesteps.Count - call;
        var order = known < 1 || (remaining == 1 && _firstOrderLast) ? 1
            : known < 2 || (remaining == 2 && _secondOrderBeforeLast) ? 2
            : 3;
        Update(call, Math.Min(order, _order), latents, drawn);
    }

    // x_t = a·x + b₀·D₀ + b₁·D₁ + b₂·D₂ + c·noise, with D the divided differences of the outputs in λ.
    private void Update(int call, int order, Span<float> latents, float[] drawn)
    {
        var (_, _, lambda) = LevelAt(call);
        var (h, a, b0, b1, b2, c) = SolverWeights.Of(_plusPlus, _stochastic, LevelAt(call), LevelAt(call + 1));
        Blend.Scale(latents, a);
        if (order == 1)
        {
            Blend.Add(latents, b0, _outputs[^1]);
        }
        else if (order == 2)
        {
            var r0 = (lambda - LevelAt(call - 1).Lambda) / h;
            var d = (_heun ? b1 : 0.5 * b0) / r0;
            Blend.Add(latents, b0 + d, _outputs[^1]);
            Blend.Add(latents, -d, _outputs[^2]);
        }
        else
        {
            var (lambda1, lambda2) = (LevelAt(call - 1).Lambda, LevelAt(call - 2).Lambda);
            var (r0, r1) = ((lambda - lambda1) / h, (lambda1 - lambda2) / h);

            // D₁ = D₁₀ + r₀/(r₀ + r₁)·(D₁₀ − D₁₁) and D₂ = (D₁₀ − D₁₁)/(r₀ + r₁), with D₁₀ = (m₀ − m₁)/r₀ and D₁₁ = (m₁ − m₂)/r₁.
            var difference = ((b1 * r0) + b2) / (r0 + r1);
            var (d10, d11) = ((b1 + difference) / r0, -difference / r1);
            Blend.Add(latents, b0 + d10, _outputs[^1]);
            Blend.Add(latents, d11 - d10, _outputs[^2]);
            Blend.Add(latents, -d11, _outputs[^3]);
        }

        if (_stochastic)
        {
            Blend.Add(latents, c, drawn);
        }
    }
}
