namespace StableDiffusion;

/// <summary>
/// The forward process of a model's own schedule: how much of picture and of noise is in the latents of each training step,
/// z_t = α_t·z₀ + σ_t·ε. Diffusion models: α = √ᾱ, σ = √(1 − ᾱ), Ho et al. (2020), arXiv 2006.11239, equation 4 (diffusers:
/// <c>add_noise</c>). Flow models: α = 1 − σ, σ = (t + 1)/T under the schedule's shift, Lipman et al. (2022), arXiv 2210.02747
/// (diffusers: <c>scale_noise</c>).
/// </summary>
internal sealed class ForwardDiffusion
{
    private readonly float[] _alphas;
    private readonly float[] _sigmas;

    private ForwardDiffusion(float[] alphas, float[] sigmas, bool isFlow)
    {
        _alphas = alphas;
        _sigmas = sigmas;
        IsFlow = isFlow;
    }

    /// <summary>Training steps.</summary>
    public int Count => _alphas.Length;

    public bool IsFlow { get; }

    /// <summary>The process of a model's scheduler.</summary>
    /// <exception cref="ModelException">There is no such scheduler here.</exception>
    public static ForwardDiffusion Of(SchedulerConfig config)
    {
        if (config.RequireKnown().ClassName == "FlowMatchEulerDiscreteScheduler")
        {
            var (count, shift) = (config.Whole("num_train_timesteps"), config.Flag("use_dynamic_shifting") ? 1 : config.Real("shift"));
            var flow = Enumerable.Range(1, count).Select(t => (double)t / count).Select(s => (float)(shift * s / (1 + ((shift - 1) * s)))).ToArray();
            return new ForwardDiffusion([.. flow.Select(sigma => 1 - sigma)], flow, isFlow: true);
        }

        var bars = new NoiseSchedule(config, keepTerminalSnr: false).AlphasCumprod;
        return new ForwardDiffusion([.. bars.Select(MathF.Sqrt)], [.. bars.Select(bar => MathF.Sqrt(1 - bar))], isFlow: false);
    }

    /// <summary>The shares of picture and noise after training step <paramref name="timestep"/>, 0 to <see cref="Count"/> − 1.</summary>
    /// <exception cref="RequestException">There is no such step.</exception>
    public (float Alpha, float Sigma) At(int timestep) => timestep >= 0 && timestep < Count
        ? (_alphas[timestep], _sigmas[timestep])
        : throw new RequestException($"time step {timestep} is not among this model's, 0 to {Count - 1}.");

    /// <summary>What the network is told for a training step: the step itself, or for flow models σ in thousandths.</summary>
    public float NetworkTimestep(int timestep) => IsFlow ? _sigmas[timestep] * Count : timestep;

    /// <summary>Noised latents.</summary>
    public Latents Noise(Latents clean, ReadOnlySpan<float> noise, int timestep)
    {
        var (alpha, sigma) = At(timestep);
        var values = new float[clean.Values.Length];
        Blend.Write(values, alpha, clean.Values, sigma, noise);
        return clean.With(values);
    }
}
