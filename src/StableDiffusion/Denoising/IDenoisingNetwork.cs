namespace StableDiffusion;

/// <summary>
/// The network that is asked again and again what is noise in the latents (or which way it leads out): a UNet, a transformer, one of
/// them with others around it. It is all that the denoising loop knows of a model.
/// </summary>
internal interface IDenoisingNetwork : IDisposable
{
    /// <summary>What messages call it, such as <c>unet</c>.</summary>
    string Name { get; }

    /// <summary>Sets up all buffers for calls with these rows, which stay the same from call to call.</summary>
    /// <param name="rows">What each row is told; all of one shape (<see cref="Conditioning.SharesCallsWith"/>).</param>
    /// <param name="height">Latent height.</param>
    /// <param name="width">Latent width.</param>
    /// <exception cref="ModelException">The network wants what it is not given.</exception>
    IDenoisingBatch Prepare(IReadOnlyList<Conditioning> rows, int height, int width);
}

/// <summary>A number of rows through the network again and again.</summary>
internal interface IDenoisingBatch : IDisposable
{
    /// <summary>Where the latents of row <paramref name="row"/> are written [channels, height, width], further channels of inpainting models behind.</summary>
    Span<float> Input(int row);

    /// <summary>What the network said of row <paramref name="row"/>, of the latents' shape [channels, height, width]; valid until the next run.</summary>
    ReadOnlySpan<float> Output(int row);

    /// <summary>Runs the network for all rows.</summary>
    void Run(DenoisingCall call, CancellationToken cancellation);
}

/// <summary>Which call of the network it is.</summary>
/// <param name="Index">From 0; calls without and with the prompt have the same index.</param>
/// <param name="Count">Calls of the whole run.</param>
/// <param name="Timestep">The time step, in training steps.</param>
internal readonly record struct DenoisingCall(int Index, int Count, float Timestep)
{
    /// <summary>The step of the run, from 0; a step may have several calls.</summary>
    public int Step { get; init; }

    /// <summary>Every so many steps the whole network runs; see <see cref="DeepCache"/>.</summary>
    public int DeepCacheInterval { get; init; } = 1;

    /// <summary>Whether what was deep in the network at an earlier step may stand for what is at this one.</summary>
    public bool MayReuse(int? step) => new StepInterval(DeepCacheInterval).MayReuse(step, Step);
}
