namespace StableDiffusion;

/// <summary>
/// Improved pseudo numerical methods: the linear multistep rule, equation 12 of Liu et al. (2022), arXiv 2202.09778, on the
/// trigonometric schedule α² + σ² = 1 of time from 1 to 0, as <c>IPNDMScheduler</c>.
/// </summary>
internal sealed class IpndmScheduler : Scheduler
{
    private readonly float[] _alphas;
    private readonly float[] _sigmas;
    private readonly List<float[]> _ets = [];

    public IpndmScheduler(SchedulerConfig config, SchedulerRun run)
        : this(config, run, Sigmas(run.Steps))
    {
    }

    private IpndmScheduler(SchedulerConfig config, SchedulerRun run, float[] sigmas)
        : base(sigmas.SkipLast(1).Select(sigma => (double)(MathF.Atan2(sigma, AlphaOf(sigma)) / MathF.PI * 2)), run)
    {
        if (config.Reals("trained_betas") is not null)
        {
            throw new RequestException("ipndm with trained_betas would not heed the number of steps; set trained_betas to null.");
        }

        if (run.Strength < 1)
        {
            throw Unknown();
        }

        _sigmas = sigmas;
        _alphas = [.. sigmas.Select(AlphaOf)];
    }

    public override void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise)
    {
        var e = new float[latents.Length];
        Blend.Write(e, _sigmas[call], latents, _alphas[call], output);
        _ets.Add(e);
        e = new float[latents.Length];
        AdamsBashforth.Write(e, _ets);

        // At the start α is 0 and so is x − σ·e: first the difference, then the quotient.
        Blend.Write(latents, 1, latents, -_sigmas[call], e);
        Blend.Scale(latents, 1 / Math.Max(_alphas[call], 1e-8));
        Blend.Write(latents, _alphas[call + 1], latents, _sigmas[call + 1], e);
    }

    public override void AddNoise(int call, ReadOnlySpan<float> clean, ReadOnlySpan<float> noise, Span<float> noisy) => throw Unknown();

    private static RequestException Unknown() =>
        new("ipndm has no rule for adding noise to a picture; use a strength of 1 and no mask, or another scheduler.");

    private static float[] Sigmas(int steps) =>
        [.. TimestepSpacing.LinearSpace(1, 0, steps + 1).Select(t => MathF.Sin((float)t * MathF.PI / 2)).Select(sine => sine * sine)];

    private static float AlphaOf(float sigma) => MathF.Sqrt(1 - (sigma * sigma));
}
