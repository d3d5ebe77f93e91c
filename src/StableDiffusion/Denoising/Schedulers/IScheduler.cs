namespace StableDiffusion;

/// <summary>
/// The rule that turns the network's outputs into ever cleaner latents, for one run of a fixed number of steps.
/// Built means ready: there is nothing to set before the first step. Holds the history that multistep rules need,
/// so each run builds its own.
/// </summary>
/// <remarks>
/// The denoising loop calls, for each index <c>call</c> of <see cref="Timesteps"/> in order:
/// <see cref="ScaleInput"/>, the network at <c>Timesteps[call]</c>, <see cref="Step"/>.
/// </remarks>
public interface IScheduler
{
    /// <summary>
    /// The time step of each network call of this run, in training steps (0 to 999 for most models). Methods of second order
    /// call the network more often than the run has steps. With a strength below 1 the noisiest ones are left out.
    /// </summary>
    IReadOnlyList<float> Timesteps { get; }

    /// <summary>The standard deviation that start noise of unit variance is multiplied with (diffusers: <c>init_noise_sigma</c>).</summary>
    float InitialNoiseSigma { get; }

    /// <summary>Which step of the run a call belongs to, from 0: methods of second order have two calls a step.</summary>
    /// <param name="call">Index into <see cref="Timesteps"/>.</param>
    int StepOf(int call) => call;

    /// <summary>Writes what the network is given at <paramref name="call"/> for these latents (diffusers: <c>scale_model_input</c>).</summary>
    /// <param name="call">Index into <see cref="Timesteps"/>.</param>
    /// <param name="latents">The current latents [images, channels, height, width], row-major.</param>
    /// <param name="input">Receives as many values; may be the same memory.</param>
    void ScaleInput(int call, ReadOnlySpan<float> latents, Span<float> input);

    /// <summary>Replaces the latents by those of the next time step.</summary>
    /// <param name="call">Index into <see cref="Timesteps"/>; each call once, in order.</param>
    /// <param name="output">What the network (after guidance) said, of the latents' shape.</param>
    /// <param name="latents">The current latents; overwritten with the next.</param>
    /// <param name="noise">Where methods with randomness draw theirs; drawn from only when diffusers draws.</param>
    void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise);

    /// <summary>Forward diffusion: brings clean latents to the noise level of <paramref name="call"/> (diffusers: <c>add_noise</c>).</summary>
    /// <param name="call">Index into <see cref="Timesteps"/>.</param>
    /// <param name="clean">Latents without noise.</param>
    /// <param name="noise">Noise of unit variance and the same shape.</param>
    /// <param name="noisy">Receives the result; may be the same memory as either.</param>
    void AddNoise(int call, ReadOnlySpan<float> clean, ReadOnlySpan<float> noise, Span<float> noisy);
}
